import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import type { ApiEnv } from "./context.ts";
import type { Caller } from "./keyring.ts";

/** Of a body that nobody reads, at most so much is taken in, for so long, so that its sender comes to the answer. */
const lingerBytes = 8 * 1_024 * 1_024;
const lingerMs = 5_000;
/** Of so many strangers at once. Of others less is read, and they wait as long for their answer, so that they do not come again at once. */
const lingeringStrangers = 16;
const crowdBytes = 65_536;

/** The request as Node.js has it; undefined where the application is called without a server. */
const incomingOf = (c: Context<ApiEnv>): IncomingMessage | undefined =>
  (c.env as { incoming?: IncomingMessage } | undefined)?.incoming;

const withoutBody = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * Takes in the rest of a body before the answer goes out. Many clients send all of a body before they look for an answer: a
 * connection that is closed while they do is to them a broken one, and the answer is lost.
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

/** Resolves when a body has ended, or there is no more time for it; also when it is too long, unless it `waits` unread then. */
function discardRest(
  incoming: IncomingMessage,
  mostBytes: number,
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
      // A reader that has given up may have paused it.
      if (bytes <= mostBytes) incoming.resume();
      else if (waits) incoming.pause();
      else stop();
    };
    for (const event of ["end", "close", "error"]) incoming.on(event, stop);
    incoming.on("data", discard);
    incoming.resume();
  });
}

/**
 * The network address of a caller: of the connection, or, behind `proxies` that are trusted, the one that the first of them saw, which
 * each of them has added to X-Forwarded-For. Null where it is not known.
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
