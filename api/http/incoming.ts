import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import type { ApiEnv } from "./context.ts";
import type { Caller } from "./keyring.ts";

/** Bytes that are read at most of a body which no route reads, and for how long, so that its sender gets to read the response. */
const lingerBytes = 8 * 1_024 * 1_024;
const lingerMs = 5_000;
/** The number of bodies of callers without a key that are read this far at the same time. Less is read of further ones; their senders wait for the response, so that they do not retry at once. */
const lingeringStrangers = 16;
const crowdBytes = 65_536;

/** The request of Node.js; undefined if the application is called without a server. */
const incomingOf = (c: Context<ApiEnv>): IncomingMessage | undefined =>
  (c.env as { incoming?: IncomingMessage } | undefined)?.incoming;

const withoutBody = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * Reads and discards the rest of a body before the response is sent. Many clients send all of a body before they read the response: if
 * the connection is closed while they do, they report a broken connection and lose the response.
 */
export function readToEnd() {
  let strangers = 0;
  return createMiddleware<ApiEnv>(async (c, next) => {
    await next();
    const incoming = incomingOf(c);
    if (!incoming || incoming.complete || incoming.destroyed) return;
    if (withoutBody.has(c.req.method) && !announcesBody(incoming)) return;
    if (c.res.headers.get("connection") === "close") return;
    if ((c.get("caller") as Caller | undefined)?.role) await discardRest(incoming, lingerBytes);
    else {
      strangers += 1;
      await (strangers > lingeringStrangers
        ? discardRest(incoming, crowdBytes, { waits: true })
        : discardRest(incoming, lingerBytes));
      strangers -= 1;
    }
    if (!incoming.complete) c.res.headers.set("Connection", "close");
  });
}

const announcesBody = ({ headers }: IncomingMessage) =>
  headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;

/**
 * Discards the rest of a body. Resolves when it has ended or the time is over, and also when it is too long; with `waits` it then leaves
 * the rest unread until the time is over.
 */
function discardRest(
  incoming: IncomingMessage,
  maxBytes: number,
  { waits = false }: { waits?: boolean } = {},
): Promise<void> {
  return new Promise((resolve) => {
    let bytes = 0;
    const stop = () => {
      clearTimeout(timer);
      for (const event of ["end", "close", "error"]) incoming.off(event, stop);
      incoming.off("data", discard);
      resolve();
    };
    const timer = setTimeout(stop, lingerMs);
    const discard = (chunk: Buffer) => {
      bytes += chunk.length;
      // A reader that gave up may have paused the stream.
      if (bytes <= maxBytes) incoming.resume();
      else if (waits) incoming.pause();
      else stop();
    };
    for (const event of ["end", "close", "error"]) incoming.on(event, stop);
    incoming.on("data", discard);
    incoming.resume();
  });
}

/**
 * Finds the network address of a caller: that of the connection, or, behind a number of trusted `proxies`, the address that the first
 * of them saw. Each proxy appends the address that it saw to X-Forwarded-For. Null if the address is not known.
 */
export function findAddress(c: Context<ApiEnv>, proxies: number): string | null {
  const forwarded = c.req.header("x-forwarded-for");
  const seen =
    proxies > 0 && forwarded !== undefined
      ? forwarded.split(",").at(-proxies)
      : incomingOf(c)?.socket.remoteAddress;
  const address = seen?.trim().replace(/^::ffff:(?=\d+\.)/i, "") ?? "";
  return isIP(address) > 0 ? address : null;
}
