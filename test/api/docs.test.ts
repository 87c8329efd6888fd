import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findBrowser, launchBrowser } from "../support/browser.ts";
import { listen } from "../support/listening.ts";
import { type Api, apiKey, startApi } from "./harness.ts";

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

/** As somebody without a key asks. */
const get = async (path: string, headers: Record<string, string> = {}) =>
  api.app.request(path, { headers });

describe("/", () => {
  it("leads a browser without a key to the documentation", async () => {
    const answer = await get("/", { accept: "text/html" });
    expect([answer.status, answer.headers.get("location")]).toEqual([302, "/docs"]);
    expect((await get(answer.headers.get("location")!)).status).toBe(200);
  });

  it("leads there for every caller, and tells other methods that it has only GET", async () => {
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

const executable = findBrowser();
if (executable === null)
  process.stderr.write(
    "SKIPPED: the test of /docs in a browser. No Chromium was found on PATH; CHROMIUM_PATH may name one.\n",
  );

describe.skipIf(executable === null)("/docs in a browser", () => {
  let browser: Browser;
  let server: Awaited<ReturnType<typeof listen>>;
  beforeAll(async () => {
    server = await listen(api.app.fetch);
    browser = await launchBrowser(executable!);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  it("lists the operations and tries them out with a key, and asks nobody else for anything", async () => {
    const page = await browser.newPage();
    const asked: string[] = [];
    const complaints: string[] = [];
    page.on("request", (request) => asked.push(request.url()));
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(error.message));

    await page.goto(`${server.url}/docs`);
    await page.locator("#operations-campaigns-getCampaignsById").waitFor();
    const document = (await api.send("GET", "/openapi.json")).body as {
      paths: Record<string, object>;
    };
    const operations = Object.values(document.paths).flatMap((item) => Object.keys(item)).length;
    expect(await page.locator(".opblock").count()).toBe(operations);

    await page.locator(".btn.authorize").click();
    // The other scheme is a recipient's token.
    const byKey = page.locator(".auth-container", { hasText: "apiKey" });
    await byKey.locator("input").fill(apiKey);
    await byKey.locator(".auth-btn-wrapper .authorize").click();
    await byKey.locator(".auth-btn-wrapper .btn-done").click();
    const operation = page.locator("#operations-audit-getAudit");
    await operation.locator(".opblock-summary-control").click();
    await operation.locator(".try-out__btn").click();
    await operation.locator(".execute").click();
    const answer = operation.locator(".live-responses-table .response");
    await answer.waitFor();
    expect(await answer.locator(".response-col_status").textContent()).toContain("200");
    expect(await answer.textContent()).toContain("nextCursor");

    const hosts = new Set(
      asked.filter((url) => !url.startsWith("data:")).map((url) => new URL(url).origin),
    );
    expect([...hosts]).toEqual([server.url]);
    expect(complaints).toEqual([]);
  });
});
