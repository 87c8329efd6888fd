import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Api, apiKey, startApi } from "./harness.ts";

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

/** Sends a request without a key. */
const get = async (path: string, headers: Record<string, string> = {}) =>
  api.app.request(path, { headers });

describe("/", () => {
  it("leads a browser without a key to the documentation", async () => {
    const answer = await get("/", { accept: "text/html" });
    expect([answer.status, answer.headers.get("location")]).toEqual([302, "/docs"]);
    expect((await get(answer.headers.get("location")!)).status).toBe(200);
  });

  it("redirects every caller, and answers other methods that it only has GET", async () => {
    const withKey = await get("/", { authorization: `Bearer ${apiKey}` });
    expect([withKey.status, withKey.headers.get("location")]).toEqual([302, "/docs"]);
    const post = await api.app.request("/", { method: "POST" });
    expect([post.status, post.headers.get("allow")]).toEqual([405, "GET, HEAD, OPTIONS"]);
  });
});

describe("/docs", () => {
  it("is a page that lets nothing run but what this process serves", async () => {
    const page = await get("/docs");
    expect([page.status, page.headers.get("content-type")]).toEqual([
      200,
      "text/html; charset=utf-8",
    ]);
    const policy = page.headers.get("content-security-policy")!;
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/unsafe|\*|https?:/);
    const html = await page.text();
    expect(html).not.toMatch(/<script(?![^>]* src=)|https?:|\son\w+=/);
    expect(page.headers.get("cache-control")).toBe("no-cache");
  });

  it("serves all that the page is made of, to be kept and asked for again", async () => {
    const html = await (await get("/docs")).text();
    const paths = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => `/${path}`);
    const types: Record<string, string> = {
      js: "text/javascript; charset=utf-8",
      css: "text/css; charset=utf-8",
      png: "image/png",
    };
    expect(paths).toHaveLength(4);
    for (const path of paths) {
      const file = await get(path);
      expect([path, file.status, file.headers.get("content-type")]).toEqual([
        path,
        200,
        types[path.split(".").at(-1)!],
      ]);
      expect(file.headers.get("cache-control")).toBe("public, max-age=3600");
      expect((await file.arrayBuffer()).byteLength).toBeGreaterThan(100);
      const again = await get(path, { "if-none-match": file.headers.get("etag")! });
      expect([again.status, await again.text()]).toEqual([304, ""]);
    }
  });

  it.each([
    "index.html",
    "package.json",
    "..%2fpackage.json",
    "%2e%2e%2fpackage.json",
    "constructor",
    "__proto__",
    "swagger-ui.css%00",
  ])("has no file %s", async (name) => {
    expect((await get(`/docs/${name}`)).status).toBe(404);
  });
});
