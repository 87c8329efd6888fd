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

const createSwaggerUiReader = (name: string) => () => readFile(join(absolutePath(), name));

/** The files under /docs/: the content type of each, and a function that reads it, which is called once. */
const files: Record<string, { type: string; read: () => Promise<Uint8Array> }> = {
  "swagger-ui-bundle.js": {
    type: "text/javascript; charset=utf-8",
    read: createSwaggerUiReader("swagger-ui-bundle.js"),
  },
  "swagger-ui.css": {
    type: "text/css; charset=utf-8",
    read: createSwaggerUiReader("swagger-ui.css"),
  },
  "favicon-32x32.png": { type: "image/png", read: createSwaggerUiReader("favicon-32x32.png") },
  "initializer.js": {
    type: "text/javascript; charset=utf-8",
    read: async () => Buffer.from(initializer),
  },
};

/** Allows only resources that this process serves: no inline scripts, and no frame around the page. */
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

const redirectToPage = defineRoute({
  method: "get",
  path: "/",
  access: "public",
  class: "page",
  summary: "Redirect to the console, or to the documentation if the console is not built",
  responses: { 302: { description: "Where the page is" }, ...problemResponse },
});

const showPage = defineRoute({
  method: "get",
  path: "/docs",
  access: "public",
  class: "page",
  summary: "Get the documentation page, on which you can try out requests",
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
        description: "The name of a file that the page loads",
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
 * The routes of the OpenAPI document of an app, and of a page that shows it without loading anything from another host. The first
 * request builds the document, because all routes have been added by then.
 * @param home the path to which `/` redirects
 */
export function docsRoutes(app: ReturnType<typeof createRouter>, { home }: { home: string }) {
  /** The document as text. Serializing it for each request would take longer than the rest of the request. */
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
    .openapi(redirectToPage, (c) => c.redirect(home, 302))
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
      if (!file)
        throw new Problem("not-found", "The documentation has no file with this name. See /docs.");
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
