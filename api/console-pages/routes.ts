import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { ApiEnv } from "../http/context.ts";
import { requireConsoleHost } from "../http/own-pages.ts";
import { Problem } from "../http/problem.ts";
import { type ConsoleConfig, createRouter, defineRoute, problemResponse } from "../http/router.ts";
import { sendFile } from "../http/served-file.ts";
import { type ConsoleFiles, contentTypes } from "./files.ts";
import { previewFrame, previewPolicy } from "./preview-frame.ts";

/** Allows only what this process serves: nothing inline, no frame around the page, and no text as a script. */
const pagePolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "font-src 'self'",
  "frame-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join("; ");

const isolation = {
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Resource-Policy": "same-origin",
};

const pageHeaders = {
  ...isolation,
  "Cache-Control": "no-cache",
  "Content-Security-Policy": pagePolicy,
  "Cross-Origin-Opener-Policy": "same-origin",
};

const page = { access: "public", class: "page" } as const;
const content = { content: { "text/html": { schema: z.string() } } };
const fileAnswers = {
  200: {
    description: "The file, compressed if the request accepts that",
    content: Object.fromEntries(
      Object.values(contentTypes).map((type) => [type.split(";")[0]!, { schema: z.string() }]),
    ),
  },
  304: { description: "The file has not changed since the version named by `If-None-Match`" },
  ...problemResponse,
};
const pageAnswers = {
  ...fileAnswers,
  404: {
    description: "The console has not been built",
    content: { "text/plain": { schema: z.string() } },
  },
};

const redirect = defineRoute({
  ...page,
  method: "get",
  path: "/console",
  summary: "Redirect to the console",
  responses: { 302: { description: "The console is at /console/" }, ...problemResponse },
});

const showPage = defineRoute({
  ...page,
  method: "get",
  path: "/console/",
  summary: "Get the page of the console",
  description:
    "Every other path under `/console/` is a view of the console, and has the same page.",
  responses: pageAnswers,
});

const showFrame = defineRoute({
  ...page,
  method: "get",
  path: "/console/frame",
  summary: "Get the empty page in which the console shows the HTML of messages",
  description:
    'It is sandboxed, and no script of a message runs in it. It posts `{frame: "ready"}` to the page around it, which posts `{html}` and receives `{frame: "height", height}`.',
  request: {
    query: z.object({
      images: z.enum(["remote"]).optional().openapi({
        description: "Loads images of other hosts, which thereby learn of the preview",
      }),
    }),
  },
  responses: { 200: { description: "The page", ...content }, ...problemResponse },
});

const file = (folder: string) => ({
  ...page,
  method: "get" as const,
  request: {
    params: z.object({
      file: z.string().openapi({ description: "The name of a file", example: "main-4fYp0aXe.js" }),
    }),
  },
  summary: `Get a file of the console${folder}`,
});

const showFile = defineRoute({
  ...file(", or the page of a view"),
  path: "/console/{file}",
  responses: pageAnswers,
});
const showAsset = defineRoute({
  ...file(" whose name contains its hash"),
  path: "/console/assets/{file}",
  responses: fileAnswers,
});

/** The path of the route that serves a path: views of the console may have several parts, and all are served by the page. */
export const consolePathOf = (path: string): string =>
  /^\/console\/(?!assets\/)[^/]*\//.test(path) ? "/console/" : path;

/** The routes of the console's pages, which are public: what they show comes from the API. */
export function consoleRoutes(files: ConsoleFiles, config: ConsoleConfig) {
  const index = files.get("index.html");

  function sendPage(c: Context<ApiEnv>) {
    if (index) return sendFile(c, index, pageHeaders);
    return c.text(
      "The console has not been built. Run `npm run build`, and start the API again. The documentation of the API is at /docs.\n",
      404,
    );
  }

  const router = createRouter();
  router.use("/console/*", async (c, next) => {
    requireConsoleHost(c, config);
    await next();
  });
  return router
    .openapi(redirect, (c) => c.redirect("/console/", 302))
    .openapi(showPage, (c) => sendPage(c))
    .openapi(showFrame, (c) => {
      const images = c.req.valid("query").images !== undefined;
      return c.html(previewFrame, 200, {
        ...isolation,
        "Cache-Control": "no-cache",
        "Content-Security-Policy": previewPolicy({ images }),
      });
    })
    .openapi(showFile, (c) => {
      const { file: name } = c.req.valid("param");
      const found = name === "index.html" ? undefined : files.get(name);
      return found
        ? sendFile(c, found, { ...isolation, "Cache-Control": "no-cache" })
        : sendPage(c);
    })
    .openapi(showAsset, (c) => {
      const found = files.get(`assets/${c.req.valid("param").file}`);
      if (!found) throw new Problem("not-found", "The console has no file with this name.");
      return sendFile(c, found, {
        ...isolation,
        "Cache-Control": "public, max-age=31536000, immutable",
      });
    });
}
