import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ConsoleConfig } from "../../api/http/router.ts";
import { browse } from "../support/browser-requests.ts";
import { type Api, startApi } from "./harness.ts";

const index = `<!doctype html><title>Console</title><script type="module" src="/console/assets/main-4fYp0aXe.js"></script>${" ".repeat(500)}`;
const script = `export const text = ${JSON.stringify("x".repeat(2_000))};`;

const config = (folder: string): ConsoleConfig => ({
  hosts: ["localhost"],
  publicOrigin: "https://tidings.example.org",
  folder,
  streams: 1,
  temporalUrl: null,
  environment: { name: null, color: "grey" },
});

let folder: string;
let api: Api;
let unbuilt: Api;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "console-"));
  mkdirSync(join(folder, "assets"));
  mkdirSync(join(folder, ".vite"));
  for (const [name, content] of Object.entries({
    "index.html": index,
    "favicon.svg": "<svg/>",
    "notes.txt": "not for browsers",
    ".vite/manifest.json": "{}",
    "assets/main-4fYp0aXe.js": script,
    "assets/main-J0a8dV3x.css": "body{}",
  }))
    writeFileSync(join(folder, name), content);
  api = await startApi({ config: { console: config(folder) } });
  unbuilt = await startApi({ database: api.database });
});
afterAll(async () => {
  await unbuilt.stop();
  await api.stop();
  rmSync(folder, { recursive: true });
});

const get = (path: string, headers: Record<string, string> = {}, of = api) =>
  browse(of, "GET", path, { headers });

describe("/console/", () => {
  it("is a page that lets nothing run but what this process serves", async () => {
    const { status, headers, body } = await get("/console/");
    expect([status, body, Object.fromEntries(headers)]).toEqual([
      200,
      index,
      expect.objectContaining({
        "content-type": "text/html; charset=utf-8",
        "cache-control": "no-cache",
        "content-security-policy":
          "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
      }),
    ]);
  });

  it.each([
    "/console/campaigns",
    "/console/campaigns/cmp_1/edit",
    "/console/deliveries?why=dlv_9",
    "/console/index.html",
    "/console/notes.txt",
    "/console/.vite/manifest.json",
    "/console/../package.json/x",
    "/console/%2e%2e/%2e%2e/package.json",
  ])("is also what %s shows, or what is outside of it", async (path) => {
    const { status, headers, body } = await get(path);
    if (path.includes("package")) return expect(JSON.stringify(body)).not.toContain('"private"');
    expect([status, body]).toEqual([200, index]);
    expect(headers.get("content-security-policy")).toContain("script-src 'self'");
  });

  it("is where / and /console lead", async () => {
    for (const path of ["/", "/console"])
      expect((await get(path)).headers.get("location")).toBe("/console/");
  });

  it("is compressed where that is accepted, and not sent again where it is known", async () => {
    const response = await api.app.request("/console/", { headers: { "accept-encoding": "gzip" } });
    const bytes = Buffer.from(await response.arrayBuffer());
    expect([response.headers.get("content-encoding"), gunzipSync(bytes).toString()]).toEqual([
      "gzip",
      index,
    ]);
    const etag = response.headers.get("etag")!;
    const again = await get("/console/", { "accept-encoding": "gzip", "if-none-match": etag });
    expect([again.status, again.body]).toEqual([304, ""]);
    expect((await get("/console/", { "if-none-match": etag })).status).toBe(200);
  });
});

describe("the files of the console", () => {
  it("are kept for good if their names contain a hash, and asked for again otherwise", async () => {
    const asset = await get("/console/assets/main-4fYp0aXe.js");
    expect([asset.status, asset.body, Object.fromEntries(asset.headers)]).toEqual([
      200,
      script,
      expect.objectContaining({
        "content-type": "text/javascript; charset=utf-8",
        "cache-control": "public, max-age=31536000, immutable",
        "x-content-type-options": "nosniff",
        "cross-origin-resource-policy": "same-origin",
      }),
    ]);
    const icon = await get("/console/favicon.svg");
    expect([
      icon.status,
      icon.headers.get("content-type"),
      icon.headers.get("cache-control"),
    ]).toEqual([200, "image/svg+xml", "no-cache"]);
  });

  it("are not mistaken for a page where one is missing", async () => {
    for (const path of ["/console/assets/old-00000000.js", "/console/assets/..%2findex.html"]) {
      const { status, headers } = await get(path);
      expect([path, status, headers.get("content-type")]).toEqual([
        path,
        404,
        "application/problem+json",
      ]);
      expect(headers.get("cache-control")).toBe("no-store");
    }
  });
});

describe("without a build", () => {
  it("says so in plain text, and leads to the documentation", async () => {
    const { status, headers, body } = await get("/console/campaigns", {}, unbuilt);
    expect([status, headers.get("content-type"), body]).toEqual([
      404,
      expect.stringContaining("text/plain"),
      expect.stringContaining("The console has not been built."),
    ]);
    expect((await get("/", {}, unbuilt)).headers.get("location")).toBe("/docs");
  });
});

describe("/console/frame", () => {
  it("is sandboxed, and lets nothing run but its own script", async () => {
    const { status, headers, body } = await get("/console/frame");
    const policy = headers.get("content-security-policy")!;
    expect([status, policy]).toEqual([
      200,
      expect.stringMatching(
        /^sandbox allow-scripts; default-src 'none'; script-src 'sha256-[\w+/]{43}='; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'$/,
      ),
    ]);
    expect(body.match(/<script/g)).toHaveLength(1);
    expect(headers.get("referrer-policy")).toBe("no-referrer");
  });

  it("loads images of other hosts only if it is asked to", async () => {
    const { headers } = await get("/console/frame?images=remote");
    expect(headers.get("content-security-policy")).toContain("img-src data: https: http:;");
    expect((await get("/console/frame?images=yes")).status).toBe(422);
    expect((await get("/console/frame?html=x")).status).toBe(422);
  });
});
