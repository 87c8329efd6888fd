import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "@hono/zod-openapi";
import { Problem } from "../http/problem.ts";
import { createRouter, defineRoute, problemResponse } from "../http/router.ts";
import { prepareFile, sendFile, type ServedFile } from "../http/served-file.ts";
import type { Services } from "../services.ts";

const script = "week-grid.js";

const get = defineRoute({
  method: "get",
  path: "/pages/{file}",
  access: "public",
  class: "page",
  summary: "Get a file of the pages for recipients",
  description: "The logo of the organisation, and the script of the preference centre.",
  request: {
    params: z.object({
      file: z.string().openapi({
        description: "The name of a file",
        enum: ["logo", script],
        example: script,
      }),
    }),
  },
  responses: {
    200: {
      description: "The file",
      content: {
        "text/javascript": { schema: z.string() },
        "image/png": { schema: z.string() },
        "image/jpeg": { schema: z.string() },
        "image/svg+xml": { schema: z.string() },
      },
    },
    304: { description: "The file has not changed since the version named by `If-None-Match`" },
    ...problemResponse,
  },
});

/** The build copies the script to the same place of dist/. */
const loadScript = async (): Promise<ServedFile> =>
  prepareFile(
    await readFile(join(import.meta.dirname, "../preference-centre/browser", script)),
    "text/javascript; charset=utf-8",
  );

/** The routes of the files that recipients' pages load. */
export function pageAssetRoutes({ config: { brand } }: Services) {
  let loading: Promise<ServedFile> | undefined;
  const logo = brand.logo && prepareFile(brand.logo.bytes, brand.logo.type);

  return createRouter().openapi(get, async (c) => {
    const { file } = c.req.valid("param");
    const found =
      file === script ? await (loading ??= loadScript()) : file === "logo" ? logo : null;
    if (found === null) throw new Problem("not-found", "There is no file with this name.");
    return sendFile(c, found, {
      "Cache-Control": "public, max-age=3600",
      // A picture in SVG may contain scripts and styles, which do nothing if it is opened by itself.
      "Content-Security-Policy": "default-src 'none'; sandbox",
    });
  });
}
