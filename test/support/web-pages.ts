import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

export interface WebPages {
  origin: string;
  /** The requests so far: method, path, and the body as text. */
  requests: readonly { method: string; path: string; body: string }[];
  stop(): Promise<void>;
}

/** The content of a page or a script. */
export interface WebPage {
  type: "text/html" | "text/javascript" | "text/plain";
  content: string | (() => string | Promise<string>);
}

/** Serves the pages and scripts of an application on an origin of its own. Every POST is answered with 204, and another path with 404. */
export async function serveWebPages(pages: Readonly<Record<string, WebPage>>): Promise<WebPages> {
  const requests: { method: string; path: string; body: string }[] = [];
  const server = createServer((request, response) => {
    const answer = async () => {
      const [method, path] = [request.method!, request.url!];
      requests.push({ method, path, body: await text(request) });
      if (method === "POST") return response.writeHead(204).end();
      const page = pages[path];
      if (!page) return response.writeHead(404).end();
      const content = typeof page.content === "string" ? page.content : await page.content();
      return response
        .writeHead(200, {
          "content-type": `${page.type}; charset=utf-8`,
          "cache-control": "no-store",
        })
        .end(content);
    };
    answer().catch((error: unknown) => response.writeHead(500).end(String(error)));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
