import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "@hono/zod-openapi";
import { packageRoot } from "../../config/package-root.ts";
import { Problem } from "../http/problem.ts";
import { createRouter, defineRoute, problemResponse } from "../http/router.ts";
import { prepareFile, sendFile, type ServedFile } from "../http/served-file.ts";

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

async function loadScript(name: string): Promise<ServedFile> {
  const bytes = await readFile(join(packageRoot, "dist/inbox", name));
  return prepareFile(bytes, "text/javascript; charset=utf-8");
}

/** The routes of the scripts that pages of applications load. Each script is read and compressed once. */
export function scriptRoutes() {
  const loaded = new Map<string, Promise<ServedFile>>();

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
    return sendFile(c, await loading, {
      "Cache-Control": "public, max-age=3600, stale-while-revalidate=86400",
      // Pages that are isolated from other origins may load the script too.
      "Cross-Origin-Resource-Policy": "cross-origin",
    });
  });
}
