import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import { type BodyBudget, type BodyShare, createBodyBudget } from "./body-budget.ts";
import type { ApiEnv } from "./context.ts";
import { locateJsonFault } from "./json-fault.ts";
import type { Caller } from "./keyring.ts";
import { invalid, jsonPointer, Problem } from "./problem.ts";
import { bodyLimitOf, routeClasses } from "./route-classes.ts";
import { type JsonReading, readStrictJson } from "./strict-json.ts";

const mediaType = /^application\/(?:[a-z0-9.+-]+\+)?json\s*(?:;\s*charset\s*=\s*"?utf-8"?\s*)?$/i;

/** The problem of a body that is no JSON in UTF-8, which is the only character set that JSON has (RFC 8259, section 8.1). */
export const unsupportedBody = (given = "") =>
  new Problem(
    "unsupported-media-type",
    `Send the body as application/json in UTF-8${given && `, not as ${given.slice(0, 100)}`}.`,
    { headers: { Accept: "application/json" } },
  );

/** Refuses a body that is compressed: limits hold for what is sent. */
export function refuseEncoded(encoding: string | undefined): void {
  if (encoding === undefined || encoding.trim().toLowerCase() === "identity") return;
  throw new Problem("unsupported-media-type", "Send the body as it is, without Content-Encoding.", {
    headers: { "Accept-Encoding": "identity" },
  });
}

/** Bytes of bodies that are held at once: of callers without a key, and of all others. */
const publicBytes = 4 * 1_024 * 1_024;
const keyedBytes = 64 * 1_024 * 1_024;
/** Of the largest bodies, so many fit at least. */
const leastBodies = 4;

/**
 * Reads the body of a request, if it has one, as JSON in UTF-8, and sees that all of it means one thing and
 * can be stored (`readStrictJson`). It is then found as the variable `body`, undefined if there is none, and by validators.
 * How large it may be, and by when it must have arrived, says the class of the route; what is held of all bodies is bounded too. What
 * has no route, or takes a stream, is left unread.
 */
export function jsonBody(configuredBytes: number) {
  const budgets = {
    public: createBodyBudget(publicBytes),
    keyed: createBodyBudget(Math.max(keyedBytes, leastBodies * configuredBytes)),
  };
  return createMiddleware<ApiEnv>(async (c, next) => {
    const row = c.get("route");
    if (!row) return next();
    const limitBytes = bodyLimitOf(row.class, configuredBytes);
    const seconds = routeClasses[row.class].bodySeconds;
    if (limitBytes === null || seconds === null) return next();
    const caller = c.get("caller") as Caller | undefined;
    const body = await receive(c.req.raw, {
      limitBytes,
      seconds,
      budget: caller?.role ? budgets.keyed : budgets.public,
      owner: caller?.scope ?? "",
    });
    try {
      // A form that a browser or a mail program sends along is nothing to a route that is said all by its path.
      const text = row.access === "public" && !row.readsBody ? "" : readText(c, body.bytes);
      c.set("body", text === "" ? undefined : readValue(text));
      // Hono looks here for a body that has been read. It takes promises, whatever its types say.
      c.req.bodyCache.text = Promise.resolve(text) as unknown as string;
      await next();
    } finally {
      body.release();
    }
  });
}

function readText(c: Context<ApiEnv>, bytes: Uint8Array): string {
  if (bytes.length === 0) return "";
  const contentType = c.req.header("content-type") ?? "";
  if (!mediaType.test(contentType)) throw unsupportedBody(contentType);
  refuseEncoded(c.req.header("content-encoding"));
  return decode(bytes);
}

function readValue(text: string): unknown {
  const read = parse(text);
  if ("value" in read) return read.value;
  throw invalid([{ in: "body", field: jsonPointer(read.fault.path), message: read.fault.message }]);
}

interface Receiving {
  limitBytes: number;
  seconds: number;
  budget: BodyBudget;
  owner: string;
}

/** Receives a body; what is not received in time is given up, and its connection closed. */
function receive(
  request: Request,
  { limitBytes, seconds, budget, owner }: Receiving,
): Promise<{ bytes: Uint8Array; release: () => void }> {
  const announced = Number(request.headers.get("content-length") ?? Number.NaN);
  if (announced > limitBytes) throw tooLarge(limitBytes);
  return new Promise((resolve, reject) => {
    const giveUp = (error: unknown) => {
      clearTimeout(timer);
      share.release();
      reject(
        error instanceof Problem
          ? error
          : new Problem("malformed-body", "The body ended before its announced length."),
      );
    };
    const timer = setTimeout(() => giveUp(tooSlow(seconds)), seconds * 1_000);
    const share = budget.begin(owner, giveUp);
    const read = async () => {
      // The server holds a body to the length it announced.
      if (Number.isNaN(announced)) return readChunks(request, limitBytes, share);
      share.add(announced);
      return new Uint8Array(await request.arrayBuffer());
    };
    read().then((bytes) => {
      clearTimeout(timer);
      share.arrived();
      resolve({ bytes, release: () => share.release() });
    }, giveUp);
  });
}

const tooSlow = (seconds: number) =>
  new Problem("too-slow", `A body has to arrive within ${seconds} seconds.`, {
    // The rest of it will not be read.
    headers: { Connection: "close" },
  });

const tooLarge = (limitBytes: number) =>
  new Problem("body-too-large", `Send at most ${limitBytes} bytes.`);

async function readChunks(
  request: Request,
  limitBytes: number,
  share: BodyShare,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body ?? []) {
    length += chunk.length;
    if (length > limitBytes) throw tooLarge(limitBytes);
    share.add(chunk.length);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function decode(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new Problem("malformed-json", "The body is not valid UTF-8.");
  }
}

function parse(text: string): JsonReading {
  try {
    return readStrictJson(text);
  } catch {
    const { line, column, expected } = locateJsonFault(text);
    throw new Problem("malformed-json", `Line ${line}, column ${column}: expected ${expected}.`);
  }
}
