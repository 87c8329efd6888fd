import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "@hono/zod-openapi";
import { createRouter, defineRoute, problemResponse } from "../http/router.ts";

const type = "text/javascript; charset=utf-8";

const defineScript = <const Path extends string>(
  path: Path,
  summary: string,
  description: string,
) =>
  defineRoute({
    method: "get",
    path,
    access: "public",
    class: "page",
    crossOrigin: true,
    summary,
    description,
    responses: {
      200: {
        description: "The script",
        content: { "text/javascript": { schema: z.string() } },
      },
      304: { description: "The script has not changed since the version named by `If-None-Match`" },
      ...problemResponse,
    },
  });

const worker = defineScript(
  "/push/sw.js",
  "Get the service worker that shows push notifications",
  "Import it from a service worker of your own origin with `importScripts`, or serve a copy of it there.",
);

const client = defineScript(
  "/push/client.js",
  "Get the module with which a page subscribes its browser to push notifications",
  "Import it from a page, or serve a copy of it from your own origin.",
);

/** Reads a script once, and makes its ETag. */
function createScript(name: string) {
  let loading: Promise<{ bytes: Uint8Array<ArrayBuffer>; etag: string }> | undefined;
  const load = async () => {
    // The build copies the scripts to the same place in dist/.
    const bytes = Uint8Array.from(await readFile(join(import.meta.dirname, "browser", name)));
    const hash = createHash("sha256").update(bytes).digest("base64url");
    return { bytes, etag: `"${hash.slice(0, 22)}"` };
  };
  return () => (loading ??= load());
}

/** The routes of the scripts for browsers. */
export function pushScriptRoutes() {
  const scripts = { worker: createScript("sw.js"), client: createScript("client.js") };
  const headersOf = (etag: string) => ({
    "Cache-Control": "public, max-age=3600",
    ETag: etag,
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "cross-origin",
  });

  return createRouter()
    .openapi(worker, async (c) => {
      const { bytes, etag } = await scripts.worker();
      // Where Tidings and the application share an origin, the worker may serve all of it.
      const headers = { ...headersOf(etag), "Service-Worker-Allowed": "/" };
      if (c.req.header("if-none-match") === etag) return c.body(null, 304, headers);
      return c.body(bytes, 200, { ...headers, "Content-Type": type });
    })
    .openapi(client, async (c) => {
      const { bytes, etag } = await scripts.client();
      const headers = headersOf(etag);
      if (c.req.header("if-none-match") === etag) return c.body(null, 304, headers);
      return c.body(bytes, 200, { ...headers, "Content-Type": type });
    });
}
