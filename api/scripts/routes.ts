import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { constants, gzip } from "node:zlib";
import { z } from "@hono/zod-openapi";
import { packageRoot } from "../../config/package-root.ts";
import { Problem } from "../http/problem.ts";
import { createRouter, defineRoute, problemResponse } from "../http/router.ts";

/** The files under /inbox/, which `cli/build.js` writes to the same place of dist/. */
const names = ["element.js", "client.js"] as const;

const showScript = defineRoute({
  method: "get",
  path: "/inbox/{file}",
  access: "public",
  class: "page",
  crossOrigin: true,
  summary: "Get a script of the inbox for web pages",
  description:
    "`element.js` is a module that defines the element `<tidings-inbox>`. `client.js` is a module that exports `createInbox`, for pages that show the inbox themselves.",
  request: {
    params: z.object({
      file: z
        .string()
        .openapi({ description: "The name of a script", enum: [...names], example: "element.js" }),
    }),
  },
  responses: {
    200: {
      description: "The script, compressed if the request accepts that",
      content: { "text/javascript": { schema: z.string() } },
    },
    304: { description: "The script has not changed since the version named by `If-None-Match`" },
    ...problemResponse,
  },
});

interface Script {
  plain: Uint8Array<ArrayBuffer>;
  compressed: Uint8Array<ArrayBuffer>;
  hash: string;
}

async function loadScript(name: string): Promise<Script> {
  const plain = Uint8Array.from(await readFile(join(packageRoot, "dist/inbox", name)));
  const compressed = await promisify(gzip)(plain, { level: constants.Z_BEST_COMPRESSION });
  const hash = createHash("sha256").update(plain).digest("base64url").slice(0, 22);
  return { plain, compressed: Uint8Array.from(compressed), hash };
}

/** The routes of the scripts that pages of applications load. Each script is read and compressed once. */
export function scriptRoutes() {
  const loaded = new Map<string, Promise<Script>>();

  return createRouter().openapi(showScript, async (c) => {
    const { file } = c.req.valid("param");
    const name = names.find((one) => one === file);
    if (!name)
      throw new Problem(
        "not-found",
        `There is no script with this name, only ${names.join(" and ")}.`,
      );
    const loading = loaded.get(name) ?? loadScript(name);
    loaded.set(name, loading);
    const { plain, compressed, hash } = await loading;
    const isCompressed = acceptsGzip(c.req.header("accept-encoding") ?? "");
    const etag = isCompressed ? `"${hash}-gzip"` : `"${hash}"`;
    // Headers of a response object would lose against those that the middleware has set.
    for (const [header, value] of Object.entries({
      "Cache-Control": "public, max-age=3600, stale-while-revalidate=86400",
      // Pages that are isolated from other origins may load the script too.
      "Cross-Origin-Resource-Policy": "cross-origin",
      ETag: etag,
    }))
      c.header(header, value);
    c.header("Vary", "Accept-Encoding", { append: true });
    const known = c.req.header("if-none-match")?.split(",") ?? [];
    if (known.some((tag) => tag.trim().replace(/^W\//, "") === etag)) return c.body(null, 304);
    if (isCompressed) c.header("Content-Encoding", "gzip");
    return c.body(isCompressed ? compressed : plain, 200, {
      "Content-Type": "text/javascript; charset=utf-8",
    });
  });
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
