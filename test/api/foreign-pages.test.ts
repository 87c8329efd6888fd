import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { createRouter } from "../../api/http/router.ts";
import { routeTable } from "../../api/openapi/document.ts";
import { browse, fromConsole, signIn } from "../support/browser-requests.ts";
import { type Api, apiKey, seed, startApi } from "./harness.ts";

let api: Api;
let cookie: string;
beforeAll(async () => {
  api = await startApi({ config: { corsOrigins: ["https://app.example.org"] } });
  await seed(api, 1);
  ({ cookie } = await signIn(api, { apiKey }));
});
afterAll(() => api.stop());

const patch = async (headers: Record<string, string>, body: unknown = { locale: "de" }) =>
  (await browse(api, "PUT", "/v1/recipients/u0", { body, headers: { cookie, ...headers } })).status;
const read = async (headers: Record<string, string>) =>
  (await browse(api, "GET", "/v1/recipients/u0", { headers: { cookie, ...headers } })).status;
const own = { "x-tidings-console": "1" };

describe("a change by a session", () => {
  it("is made by a page of this origin, as the browser says", async () => {
    expect(await patch(fromConsole)).toBe(200);
    expect(await patch({ ...own, origin: "http://localhost" })).toBe(200);
    expect(await patch({ ...own, origin: "https://tidings.example.org" })).toBe(200);
  });

  it.each([
    ["another origin", { ...own, "sec-fetch-site": "cross-site" }],
    ["another host of the same site", { ...own, "sec-fetch-site": "same-site" }],
    ["no page at all", { ...own, "sec-fetch-site": "none" }],
    [
      "another origin, and an own Origin",
      { ...own, "sec-fetch-site": "cross-site", origin: "http://localhost" },
    ],
    ["a browser that says nothing", own],
    ["another origin, from an older browser", { ...own, origin: "https://evil.example" }],
    ["another port, from an older browser", { ...own, origin: "http://localhost:3000" }],
    ["a sandboxed page, from an older browser", { ...own, origin: "null" }],
    [
      "a host over plain HTTP, from an older browser",
      { ...own, origin: "http://tidings.example.org" },
    ],
    ["a page that sends no header of the console", { "sec-fetch-site": "same-origin" }],
    [
      "a page that sends another value",
      { "sec-fetch-site": "same-origin", "x-tidings-console": "0" },
    ],
  ])("is refused if it comes from %s", async (_, headers: Record<string, string>) => {
    const answer = await browse(api, "PUT", "/v1/recipients/u0", {
      body: { locale: "fr" },
      headers: { cookie, ...headers },
    });
    expect([answer.status, answer.body.type]).toEqual([403, "urn:tidings:problem:forbidden"]);
    expect((await api.send("GET", "/v1/recipients/u0")).body.locale).not.toBe("fr");
  });

  it.each([
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "text/plain;application/json",
    "text/csv",
  ])("is refused as %s, which a form could send, or which is not JSON", async (type) => {
    expect(await patch({ ...fromConsole, "content-type": type })).toBe(403);
  });

  it("may be an import as CSV or NDJSON, and as nothing else", async () => {
    const send = async (type: string) =>
      (
        await browse(api, "POST", "/v1/recipients/import", {
          body: type === "text/csv" ? "externalId\nu0" : '{"externalId":"u0"}',
          headers: { cookie, ...fromConsole, "content-type": type },
        })
      ).status;
    expect([await send("text/csv"), await send("application/x-ndjson")]).toEqual([200, 200]);
    expect(await send("text/plain")).toBe(403);
  });

  it("is refused on every route that changes something", async () => {
    const table = routeTable(api.app as unknown as ReturnType<typeof createRouter>);
    const changing = table.filter(
      ({ method, access }) => method !== "GET" && access !== "public" && access !== "recipient",
    );
    expect(changing.length).toBeGreaterThan(40);
    for (const { method, path } of changing) {
      const { status } = await browse(api, method, path.replaceAll(/\{\w+\}/g, "7"), {
        headers: { cookie, "sec-fetch-site": "cross-site", "x-tidings-console": "1" },
      });
      expect([method, path, status]).toEqual([method, path, 403]);
    }
  });

  it("does not concern callers with a key", async () => {
    const authorization = `Bearer ${apiKey}`;
    expect(await patch({ authorization, "sec-fetch-site": "cross-site" })).toBe(200);
  });
});

describe("signing in", () => {
  it("is refused to pages of others, so that nobody is signed in as somebody else", async () => {
    for (const headers of [
      { "sec-fetch-site": "cross-site", ...own },
      { "sec-fetch-site": "same-origin" },
      own,
    ]) {
      const answer = await browse(api, "POST", "/v1/session", { body: { apiKey }, headers });
      expect([answer.status, answer.headers.get("set-cookie")]).toEqual([403, null]);
    }
    const form = { ...fromConsole, "content-type": "text/plain" };
    const body = JSON.stringify({ apiKey });
    expect((await browse(api, "POST", "/v1/session", { body, headers: form })).status).toBe(403);
    const out = { cookie, "sec-fetch-site": "cross-site", ...own };
    expect((await browse(api, "DELETE", "/v1/session", { headers: out })).status).toBe(403);
    expect(await read({})).toBe(200);
  });
});

describe("a read by a session", () => {
  it("is refused to pages of other origins, which could measure it", async () => {
    expect(await read({ "sec-fetch-site": "same-origin" })).toBe(200);
    expect(await read({ "sec-fetch-site": "none" })).toBe(200);
    expect(await read({ "sec-fetch-site": "cross-site" })).toBe(403);
    expect(await read({ "sec-fetch-site": "same-site" })).toBe(403);
  });

  it("is never allowed to other origins by CORS", async () => {
    const origin = "https://app.example.org";
    const preflight = await browse(api, "OPTIONS", "/v1/session", {
      headers: { origin, "access-control-request-method": "POST" },
    });
    const answer = await browse(api, "GET", "/v1/session", { headers: { cookie, origin } });
    for (const { headers } of [preflight, answer]) {
      expect(headers.get("access-control-allow-origin")).toBeNull();
      expect(headers.get("access-control-allow-credentials")).toBeNull();
    }
    const mine = await browse(api, "GET", "/v1/me/inbox", { headers: { cookie, origin } });
    expect(mine.headers.get("access-control-allow-credentials")).toBeNull();
  });
});

describe("a host that is not known", () => {
  it.each([
    "evil.example",
    "evil.example:8080",
    "127.0.0.1.evil.example",
    "localhost@evil.example",
  ])("(%s) gets neither the console nor the rights of a session", async (host) => {
    for (const path of ["/console", "/console/", "/console/frame", "/console/campaigns/x"])
      expect([path, (await browse(api, "GET", path, { headers: { host } })).status]).toEqual([
        path,
        421,
      ]);
    expect(await read({ host })).toBe(421);
    expect((await signIn(api, { apiKey }, { host })).status).toBe(421);
    expect(await patch({ ...fromConsole, host })).toBe(421);
    // A key is sent on purpose.
    expect(await read({ host, authorization: `Bearer ${apiKey}` })).toBe(200);
  });
});
