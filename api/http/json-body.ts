import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import { type BodyBudget, type BodyShare, createBodyBudget } from "./body-budget.ts";
import type { ApiEnv } from "./context.ts";
import { locateJsonFault } from "../../lib/json-fault.ts";
import type { Caller } from "./keyring.ts";
import { invalid, jsonPointer, Problem } from "./problem.ts";
import { bodyLimitOf, routeClasses } from "./route-classes.ts";
import { type JsonReading, readStrictJson } from "./strict-json.ts";

const mediaType = /^application\/(?:[a-z0-9.+-]+\+)?json\s*(?:;\s*charset\s*=\s*"?utf-8"?\s*)?$/i;

/** Makes the problem of a body that is not JSON in UTF-8, the only character set that JSON allows (RFC 8259, section 8.1). */
export const unsupportedBody = (given = "") =>
  new Problem(
    "unsupported-media-type",
    `Send the body as application/json in UTF-8${given && `, not as ${given.slice(0, 100)}`}.`,
    { headers: { Accept: "application/json" } },
  );

const formMediaType = /^application\/x-www-form-urlencoded\s*(?:;|$)/i;

const unsupportedForm = () =>
  new Problem("unsupported-media-type", "Send the form as application/x-www-form-urlencoded.", {
    headers: { Accept: "application/x-www-form-urlencoded" },
  });

/** Refuses a compressed body, because size limits apply to the bytes that are sent. */
export function refuseEncoded(encoding: string | undefined): void {
  if (encoding === undefined || encoding.trim().toLowerCase() === "identity") return;
  throw new Problem(
    "unsupported-media-type",
    "Send the body uncompressed, without Content-Encoding.",
    {
      headers: { "Accept-Encoding": "identity" },
    },
  );
}

/** Bytes of bodies that are in memory at once: those of callers without a key, and those of all others. */
const publicBytes = 4 * 1_024 * 1_024;
const keyedBytes = 64 * 1_024 * 1_024;
/** The number of bodies of the largest allowed size that fit into memory at once. */
const leastBodies = 4;

/**
 * Reads the body of a request, if it has one, as JSON in UTF-8, and checks that it is unambiguous and can be stored
 * (`readStrictJson`). Of a route that takes a form, only validators find the body. The value becomes the variable `body`, undefined if there is none, and validators find it too. The class of the
 * route limits its size and the time in which it must arrive; the memory of all bodies together is bounded too. The body of a request
 * without a route, or with one that takes a stream, is left unread.
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
      c.set("rawBody", row.takesRawBody ? body.bytes : new Uint8Array());
      // A public route without a body ignores the form that a browser or a mail program may send.
      const text = row.access === "public" && !row.readsBody ? "" : readText(c, body.bytes);
      c.set("body", text === "" || row.readsForm ? undefined : readValue(text));
      // Hono looks here for a body that has been read. It accepts promises, although its types do not.
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
  const isForm = c.get("route")?.readsForm ?? false;
  if (isForm ? !formMediaType.test(contentType) : !mediaType.test(contentType))
    throw isForm ? unsupportedForm() : unsupportedBody(contentType);
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

/** Receives a body. If it does not arrive in time, it is given up and its connection is closed. */
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
          : new Problem(
              "malformed-body",
              "The body is shorter than its Content-Length, or the connection broke. Send the request again.",
            ),
      );
    };
    const timer = setTimeout(() => giveUp(tooSlow(seconds)), seconds * 1_000);
    const share = budget.begin(owner, giveUp);
    const read = async () => {
      // Node.js ensures that a body has its announced length.
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
  new Problem(
    "too-slow",
    `The body must arrive within ${seconds} seconds. Send the request again.`,
    {
      // The rest of the body is not read.
      headers: { Connection: "close" },
    },
  );

const tooLarge = (limitBytes: number) =>
  new Problem("body-too-large", `Send a body of at most ${limitBytes} bytes.`);

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
    throw new Problem("malformed-json", "The body is not valid UTF-8. Send JSON in UTF-8.");
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
