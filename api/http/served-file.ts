import { createHash } from "node:crypto";
import { constants, gzipSync } from "node:zlib";
import type { Context } from "hono";
import type { ApiEnv } from "./context.ts";

/** A file that is served from memory. */
export interface ServedFile {
  /** The content type. */
  type: string;
  plain: Uint8Array<ArrayBuffer>;
  /** Null if compression does not make the file smaller. */
  compressed: Uint8Array<ArrayBuffer> | null;
  hash: string;
}

/** Compresses and hashes a file. */
export function prepareFile(bytes: Uint8Array, type: string): ServedFile {
  const plain = Uint8Array.from(bytes);
  const gzipped = gzipSync(plain, { level: constants.Z_BEST_COMPRESSION });
  return {
    type,
    plain,
    compressed: gzipped.length < plain.length ? Uint8Array.from(gzipped) : null,
    hash: createHash("sha256").update(plain).digest("base64url").slice(0, 22),
  };
}

/** Responds with a file, compressed if the request accepts that, or with 304 if the request has it already. */
export function sendFile(c: Context<ApiEnv>, file: ServedFile, headers: Record<string, string>) {
  const { type, plain, compressed, hash } = file;
  const sent = acceptsGzip(c.req.header("accept-encoding") ?? "") ? compressed : null;
  const etag = sent ? `"${hash}-gzip"` : `"${hash}"`;
  // Headers of a response object would lose against those that the middleware has set.
  for (const [header, value] of Object.entries({ ...headers, ETag: etag })) c.header(header, value);
  c.header("Vary", "Accept-Encoding", { append: true });
  const known = c.req.header("if-none-match")?.split(",") ?? [];
  if (known.some((tag) => tag.trim().replace(/^W\//, "") === etag)) return c.body(null, 304);
  if (sent) c.header("Content-Encoding", "gzip");
  return c.body(sent ?? plain, 200, { "Content-Type": type });
}

/** Whether an Accept-Encoding names gzip, or everything, and does not rule it out. */
function acceptsGzip(header: string): boolean {
  const qualities = new Map(
    header.split(",").map((part) => {
      const [coding = "", ...parameters] = part.split(";").map((text) => text.trim().toLowerCase());
      const quality = parameters.find((text) => text.startsWith("q="))?.slice(2) ?? "1";
      return [coding, Number(quality)];
    }),
  );
  return (qualities.get("gzip") ?? qualities.get("*") ?? 0) > 0;
}
