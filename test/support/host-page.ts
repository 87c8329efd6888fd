import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { packageRoot } from "../../config/package-root.ts";

const types: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css",
  ".js": "text/javascript",
};

/**
 * Serves the application of docs/examples/inbox.html from an origin of its own, with the given address of Tidings in place of the
 * example's, and the tokens that `issueToken` returns (null: the application refuses).
 */
export async function startHostPage(tidings: string, issueToken: () => Promise<string | null>) {
  let issued = 0;
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://host").pathname;
    if (request.method === "POST" && path === "/inbox-token") {
      issued += 1;
      void issueToken().then((token) =>
        response
          .writeHead(token === null ? 403 : 200, { "content-type": "application/json" })
          .end(JSON.stringify({ token })),
      );
      return;
    }
    const name = { "/": "inbox.html", "/inbox.css": "inbox.css", "/inbox.js": "inbox.js" }[path];
    if (name === undefined) {
      // The pages that items link to.
      const found = path.startsWith("/tasks/");
      return void response
        .writeHead(found ? 200 : 404, { "content-type": "text/html" })
        .end(found ? "<title>A task</title>" : "");
    }
    const text = readFileSync(join(packageRoot, "docs/examples", name), "utf8");
    response
      .writeHead(200, { "content-type": types[extname(name)] })
      .end(text.replaceAll("https://tidings.example.com", tidings));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    issued: () => issued,
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
