import { gunzipSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Api, startApi } from "./harness.ts";

let api: Api;
beforeAll(async () => {
  api = await startApi({ config: { corsOrigins: ["https://app.example.org"] } });
});
afterAll(() => api.stop());

/** Sends a request without a key. */
const get = async (path: string, headers: Record<string, string> = {}) =>
  api.app.request(path, { headers });
const bytesOf = async (path: string) => Buffer.from(await (await get(path)).arrayBuffer());

describe("/inbox", () => {
  it.each(["element.js", "client.js"])(
    "serves %s, to be kept for an hour and asked for again",
    async (name) => {
      const answer = await get(`/inbox/${name}`);
      expect([answer.status, Object.fromEntries(answer.headers)]).toEqual([
        200,
        expect.objectContaining({
          "content-type": "text/javascript; charset=utf-8",
          "cache-control": "public, max-age=3600, stale-while-revalidate=86400",
          "x-content-type-options": "nosniff",
          "cross-origin-resource-policy": "cross-origin",
          vary: expect.stringContaining("Accept-Encoding"),
        }),
      ]);
      const etag = answer.headers.get("etag")!;
      for (const known of [etag, `"other", W/${etag}`]) {
        const again = await get(`/inbox/${name}`, { "if-none-match": known });
        expect([again.status, await again.text()]).toEqual([304, ""]);
      }
      const changed = await get(`/inbox/${name}`, { "if-none-match": '"other"' });
      expect(changed.status).toBe(200);
    },
  );

  it("lets pages of the configured origins load a script, and no others", async () => {
    const from = async (origin: string) => {
      const { headers } = await get("/inbox/element.js", { origin });
      return [headers.get("access-control-allow-origin"), headers.get("vary")];
    };
    expect(await from("https://app.example.org")).toEqual([
      "https://app.example.org",
      expect.stringMatching(/Origin.*Accept-Encoding|Accept-Encoding.*Origin/),
    ]);
    expect(await from("https://app.example.org.evil.example")).toEqual([
      null,
      expect.stringContaining("Origin"),
    ]);
  });

  it.each([
    ["gzip", true],
    ["br, gzip;q=0.5", true],
    ["*", true],
    ["identity", false],
    ["gzip;q=0, *", false],
    ["", false],
  ])("compresses a script for %j: %j", async (accepted, expected) => {
    const answer = await get("/inbox/client.js", { "accept-encoding": accepted });
    expect(answer.headers.get("content-encoding") === "gzip").toBe(expected);
    const bytes = Buffer.from(await answer.arrayBuffer());
    const plain = await bytesOf("/inbox/client.js");
    expect((expected ? gunzipSync(bytes) : bytes).equals(plain)).toBe(true);
    expect(answer.headers.get("etag")!.endsWith('-gzip"')).toBe(expected);
  });

  it("has an element of at most 15 KB with gzip -9, and a client of at most 6", async () => {
    const sizes = await Promise.all(
      ["element.js", "client.js"].map(
        async (name) => gzipSync(await bytesOf(`/inbox/${name}`), { level: 9 }).byteLength,
      ),
    );
    expect(sizes[0]).toBeLessThanOrEqual(15_000);
    expect(sizes[1]).toBeLessThanOrEqual(6_000);
  });

  it("serves modules that import nothing and use no sink for scripts or markup", async () => {
    for (const name of ["element.js", "client.js"]) {
      const text = (await bytesOf(`/inbox/${name}`)).toString();
      expect(text).not.toMatch(/\bimport\s*[("'{*]|\bfrom\s*["']/);
      expect(text).not.toMatch(
        /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|cssText/,
      );
    }
  });

  it.each(["index.js", "element.test.js", "..%2fworkflow-bundle.js", "constructor", "__proto__"])(
    "has no file %s",
    async (name) => {
      expect((await get(`/inbox/${name}`)).status).toBe(404);
    },
  );
});
