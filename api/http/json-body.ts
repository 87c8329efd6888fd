import { createMiddleware } from "hono/factory";
import type { ApiEnv } from "./context.ts";
import { locateJsonFault } from "./json-fault.ts";
import { invalid, jsonPointer, Problem } from "./problem.ts";
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

/**
 * Reads the body of a request, if it has one, as JSON in UTF-8 of at most `limitBytes`, and sees that all of it means one thing and
 * can be stored (`readStrictJson`). It is then found as the variable `body`, undefined if there is none, and by validators.
 */
export function jsonBody(limitBytes: number) {
  return createMiddleware<ApiEnv>(async (c, next) => {
    const bytes = await readBytes(c.req.raw, limitBytes);
    const contentType = c.req.header("content-type") ?? "";
    if (bytes.length > 0 && !mediaType.test(contentType)) throw unsupportedBody(contentType);
    if (bytes.length > 0) refuseEncoded(c.req.header("content-encoding"));
    const text = decode(bytes);
    const read = text === "" ? { value: undefined } : parse(text);
    if ("fault" in read)
      throw invalid([
        { in: "body", field: jsonPointer(read.fault.path), message: read.fault.message },
      ]);
    c.set("body", read.value);
    // Hono looks here for a body that has been read. It takes promises, whatever its types say.
    c.req.bodyCache.text = Promise.resolve(text) as unknown as string;
    await next();
  });
}

async function readBytes(request: Request, limitBytes: number): Promise<Uint8Array> {
  const tooLarge = () =>
    new Problem("body-too-large", `Send at most ${limitBytes} bytes.`, {
      // The rest is not read, so the connection cannot be used again.
      headers: { Connection: "close" },
    });
  const announced = Number(request.headers.get("content-length") ?? Number.NaN);
  if (announced > limitBytes) throw tooLarge();
  try {
    // The server holds a body to the length it announced.
    if (!Number.isNaN(announced)) return new Uint8Array(await request.arrayBuffer());
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of request.body ?? []) {
      length += chunk.length;
      if (length > limitBytes) throw tooLarge();
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw new Problem("malformed-body", "The body ended before its announced length.");
  }
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
