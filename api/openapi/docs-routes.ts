import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "@hono/zod-openapi";
import type { TypedResponse } from "hono";
import type { JSONValue } from "hono/utils/types";
import absolutePath from "swagger-ui-dist/absolute-path.js";
import { Problem } from "../http/problem.ts";
import { createRouter, defineRoute, problemResponse } from "../http/router.ts";
import { openApiDocument } from "./document.ts";

const page = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>Tidings API</title>
    <link rel="icon" type="image/png" href="docs/favicon-32x32.png">
    <link rel="stylesheet" href="docs/swagger-ui.css">
    <script src="docs/swagger-ui-bundle.js" defer></script>
    <script src="docs/initializer.js" defer></script>
  </head>
  <body>
    <div id="swagger-ui"></div>
  </body>
</html>
`;

const initializer = `SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayOperationId: true,
  filter: true,
  validatorUrl: null,
});
`;

const ofSwaggerUi = (name: string) => () => readFile(join(absolutePath(), name));

/** The files under /docs/: the type of each, and how it is read, which happens once. */
const files: Record<string, { type: string; read: () => Promise<Uint8Array> }> = {
  "swagger-ui-bundle.js": {
    type: "text/javascript; charset=utf-8",
    read: ofSwaggerUi("swagger-ui-bundle.js"),
  },
  "swagger-ui.css": { type: "text/css; charset=utf-8", read: ofSwaggerUi("swagger-ui.css") },
  "favicon-32x32.png": { type: "image/png", read: ofSwaggerUi("favicon-32x32.png") },
  "initializer.js": {
    type: "text/javascript; charset=utf-8",
    read: async () => Buffer.from(initializer),
  },
};

/** Allows nothing but what this process serves, no script within the page, and no frame around it. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const showDocument = defineRoute({
  method: "get",
  path: "/openapi.json",
  access: "public",
  class: "page",
  summary: "Get this OpenAPI document",
  responses: {
    200: {
      description: "The OpenAPI 3.1 document",
      content: {
        "application/json": {
          schema: z.looseObject({}).openapi({ example: { openapi: "3.1.0" } }),
        },
      },
    },
  },
});

const leadToPage = defineRoute({
  method: "get",
  path: "/",
  access: "public",
  class: "page",
  summary: "Redirect to the documentation",
  responses: { 302: { description: "The documentation is at /docs" }, ...problemResponse },
});

const showPage = defineRoute({
  method: "get",
  path: "/docs",
  access: "public",
  class: "page",
  summary: "Show the documentation, in which requests can be tried out",
  responses: {
    200: {
      description: "The documentation page",
      content: { "text/html": { schema: z.string() } },
    },
    ...problemResponse,
  },
});

const showFile = defineRoute({
  method: "get",
  path: "/docs/{file}",
  access: "public",
  class: "page",
  summary: "Get a file of the documentation page",
  request: {
    params: z.object({
      file: z.string().openapi({
        description: "The name of a file that the page uses",
        enum: Object.keys(files),
        example: "initializer.js",
      }),
    }),
  },
  responses: {
    200: {
      description: "The file",
      content: Object.fromEntries(
        Object.values(files).map(({ type }) => [type.split(";")[0]!, { schema: z.string() }]),
      ),
    },
    304: { description: "The file has not changed since the version named by `If-None-Match`" },
    ...problemResponse,
  },
});

/**
 * The OpenAPI document of an app, and a page that shows it, which asks no other host for anything. The document is made by
 * the first request for it, when all routes have been added.
 */
export function docsRoutes(app: ReturnType<typeof createRouter>) {
  /** As text, for to write it anew takes longer than all else about the request. */
  let document: string | undefined;
  const loaded = new Map<string, Promise<{ bytes: Uint8Array<ArrayBuffer>; etag: string }>>();
  const load = async (read: () => Promise<Uint8Array>) => {
    const bytes = Uint8Array.from(await read());
    const hash = createHash("sha256").update(bytes).digest("base64url");
    return { bytes, etag: `"${hash.slice(0, 22)}"` };
  };

  return createRouter()
    .openapi(
      showDocument,
      (c) =>
        c.body((document ??= JSON.stringify(openApiDocument(app))), 200, {
          "Content-Type": "application/json",
        }) as unknown as Response & TypedResponse<Record<string, JSONValue>, 200, "json">,
    )
    .openapi(leadToPage, (c) => c.redirect("/docs", 302))
    .openapi(showPage, (c) =>
      c.body(page, 200, {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": policy,
        "Cache-Control": "no-cache",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
      }),
    )
    .openapi(showFile, async (c) => {
      const { file: name } = c.req.valid("param");
      const file = Object.hasOwn(files, name) ? files[name] : undefined;
      if (!file) throw new Problem("not-found", "The documentation has no such file.");
      const loading = loaded.get(name) ?? load(file.read);
      loaded.set(name, loading);
      const { bytes, etag } = await loading;
      const headers = {
        "Cache-Control": "public, max-age=3600",
        ETag: etag,
        "X-Content-Type-Options": "nosniff",
      };
      if (c.req.header("if-none-match") === etag) return c.body(null, 304, headers);
      return c.body(bytes, 200, { ...headers, "Content-Type": file.type });
    });
}
