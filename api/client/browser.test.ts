import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { rolldown } from "rolldown";
import { afterEach, describe, expect, it } from "vitest";
import { packageRoot } from "../../config/package-root.ts";
import { createClient } from "./index.ts";

let server: Server | undefined;
afterEach(() => server?.close());

/** Starts a server that answers each request with `status`, and records the headers that it is sent. */
async function serve(status: number, headers: Record<string, string> = {}) {
  const received: IncomingHttpHeaders[] = [];
  server = createServer((request, response) => {
    received.push(request.headers);
    response.writeHead(status, { "content-type": "application/json", ...headers }).end("{}");
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server!.once("listening", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received };
}

describe("the client in a browser", () => {
  it("contains nothing of Node.js", async () => {
    const bundle = await rolldown({
      input: join(packageRoot, "api/client/index.ts"),
      platform: "browser",
      logLevel: "silent",
    });
    const { output } = await bundle.generate({ format: "esm" });
    await bundle.close();
    expect(output).toHaveLength(1);
    const [{ code, imports }] = output;
    expect(imports).toEqual([]);
    expect(code).not.toMatch(/node:|\brequire\(|\bprocess\.|\bBuffer\./);
    expect(code).toContain("createClient");
  });

  it("sends no key without one, and says that it is the console's", async () => {
    const { url, received } = await serve(200);
    await createClient({ url }).v1.health.$get();
    await createClient({ url, apiKey: "secret" }).v1.health.$get();
    expect(received).toMatchObject([
      { "x-tidings-console": "1" },
      { authorization: "Bearer secret" },
    ]);
    expect([received[0]!.authorization, received[1]!["x-tidings-console"]]).toEqual([
      undefined,
      undefined,
    ]);
  });

  it("passes on which cookies are sent", async () => {
    const { url } = await serve(200);
    const passed: RequestInit[] = [];
    const original = globalThis.fetch;
    globalThis.fetch = (input, init) => {
      passed.push(init!);
      return original(input, init);
    };
    try {
      await createClient({ url, credentials: "include" }).v1.health.$get();
      await createClient({ url }).v1.health.$get();
    } finally {
      globalThis.fetch = original;
    }
    expect(passed.map(({ credentials }) => credentials)).toEqual(["include", undefined]);
  });

  it("stops waiting for another attempt when its signal is aborted", async () => {
    const { url, received } = await serve(503, { "retry-after": "3600" });
    const client = createClient({ url, patienceMs: 86_400_000 });
    const leaving = new AbortController();
    const asked = client.v1.health.$get(undefined, { init: { signal: leaving.signal } });
    await expect.poll(() => received.length).toBe(1);
    const reason = new Error("the page was left");
    leaving.abort(reason);
    await expect(asked).rejects.toBe(reason);
    expect(received).toHaveLength(1);
  });
});
