import { afterAll, beforeAll, expect, it } from "vitest";
import { routeTable } from "../../api/openapi/document.ts";
import type { createRouter, TableRow } from "../../api/http/router.ts";
import { type Api, seed, startApi } from "./harness.ts";

/* What holds for every route that the pages of recipients send requests to, whatever it does. */

const origin = "https://app.example.org";
let api: Api;
let token: string;
let routes: TableRow[];
beforeAll(async () => {
  api = await startApi({ config: { corsOrigins: [origin] } });
  await seed(api, 1);
  const purposes = ["inbox", "push", "preferences"];
  token = (await api.send("POST", "/v1/recipients/u0/tokens", { purposes })).body.token;
  routes = routeTable(api.app as unknown as ReturnType<typeof createRouter>).filter(
    ({ access }) => access === "recipient",
  );
});
afterAll(() => api.stop());

const pathOf = ({ path }: TableRow) =>
  path.replaceAll(/\{\w+\}/g, "inb_01jd3v8qyee7fr8xmcsnh5hbcd");

/** Requests a route, and ends the answer if it is a stream. */
async function ask(route: TableRow, headers: Record<string, string>, query = "") {
  const response = await api.app.request(`${pathOf(route)}${query}`, {
    method: route.method,
    headers: { origin, "content-type": "application/json", ...headers },
    ...(route.method !== "GET" && { body: "{}" }),
  });
  await response.body?.cancel();
  return response;
}

it("there are many of them", () => {
  expect(routes.length).toBeGreaterThan(8);
});

it("every answer is kept by nobody, taken for nothing else, and readable by the origin that asked only", async () => {
  for (const route of routes)
    for (const authorization of [`Bearer ${token}`, "Bearer nonsense"]) {
      const { status, headers } = await ask(route, { authorization });
      expect([route.path, status, Object.fromEntries(headers)]).toEqual([
        route.path,
        status,
        expect.objectContaining({
          "cache-control": expect.stringContaining("no-store"),
          "x-content-type-options": "nosniff",
          "access-control-allow-origin": origin,
          vary: expect.stringContaining("Origin"),
        }),
      ]);
      expect(headers.get("access-control-allow-credentials")).toBeNull();
      expect(headers.get("set-cookie")).toBeNull();
    }
});

it("a token counts in its header only: not in an address, which proxies record, nor in a cookie, which other sites send along", async () => {
  for (const route of routes) {
    for (const name of ["token", "access_token", "authorization", "key"])
      expect([route.path, (await ask(route, {}, `?${name}=${token}`)).status]).toEqual([
        route.path,
        401,
      ]);
    for (const headers of [
      { cookie: `token=${token}; authorization=Bearer ${token}` },
      { authorization: `Basic ${btoa(`u0:${token}`)}` },
      { "x-api-key": token },
    ])
      expect([route.path, (await ask(route, headers)).status]).toEqual([route.path, 401]);
  }
});
