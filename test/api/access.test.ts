import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { routeTable } from "../../api/openapi.ts";
import type { createRouter } from "../../api/router.ts";
import { includesRole, roles, type Role } from "../../domain/role.ts";
import { type Api, makeKey, startApi } from "./harness.ts";

let api: Api;
const keys = new Map<Role, string>();
beforeAll(async () => {
  api = await startApi();
  for (const role of roles) keys.set(role, (await makeKey(api, { role })).secret);
});
afterAll(() => api.stop());

/** An id of each kind that nothing has. */
const unknownIds: Record<string, string> = {
  "/v1/api-keys": "key_01jd3v8qyee7fr8xmcsnh5hbcd",
  "/v1/campaigns": "cmp_01jd3v8qyee7fr8xmcsnh5hbcd",
  "/v1/deliveries": "dlv_01jd3v8qyee7fr8xmcsnh5hbcd",
  "/v1/notifications": "ntf_01jd3v8qyee7fr8xmcsnh5hbcd",
  "/v1/suppressions": "sup_01jd3v8qyee7fr8xmcsnh5hbcd",
};

const table = () => routeTable(api.app as unknown as ReturnType<typeof createRouter>);

function unknownPath(path: string): string {
  const id = Object.entries(unknownIds).find(([prefix]) => path.startsWith(prefix))?.[1];
  return path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    name === "version" ? "7" : (id ?? "nobody"),
  );
}

function withKey(method: string, path: string, secret: string) {
  return api.send(method, path, undefined, { authorization: `Bearer ${secret}` });
}

describe("every route", () => {
  it("is defined with who may use it, and stands in the OpenAPI document", () => {
    const defined = table();
    for (const row of defined)
      expect([row.path, ["public", ...roles]]).toEqual([
        row.path,
        expect.arrayContaining([row.access]),
      ]);
    const described = new Set(
      defined.map(({ method, path }) => `${method} ${path.replaceAll(/\{(\w+)\}/g, ":$1")}`),
    );
    const served = api.app.routes
      .filter(({ method, path }) => method !== "ALL" && !path.endsWith("*"))
      .map(({ method, path }) => `${method} ${path}`);
    expect(served.filter((route) => !described.has(route))).toEqual([]);
  });

  it("refuses who has no key, but for the public ones", async () => {
    for (const { method, path, access } of table()) {
      const response = await api.app.request(unknownPath(path), { method });
      expect([method, path, response.status === 401]).toEqual([method, path, access !== "public"]);
    }
  });

  it("refuses keys of lesser roles, and no others", async () => {
    for (const { method, path, access } of table()) {
      if (access === "public") continue;
      for (const role of roles) {
        const { status } = await withKey(method, unknownPath(path), keys.get(role)!);
        expect([role, method, path, status === 403]).toEqual([
          role,
          method,
          path,
          !includesRole(role, access),
        ]);
        expect([method, path, status]).not.toEqual([method, path, 500]);
      }
    }
  });

  it("says 404 of an id that nothing has", async () => {
    for (const { method, path } of table()) {
      if (method !== "GET" || !path.includes("{") || path.startsWith("/docs")) continue;
      const { status, body } = await api.send(method, unknownPath(path));
      expect([path, status]).toEqual([path, 404]);
      expect(body.type).toBe("urn:tidings:problem:not-found");
    }
  });
});

describe("/openapi.json", () => {
  it("says for each route which key it needs", async () => {
    const document = (await api.send("GET", "/openapi.json")).body;
    expect(document.openapi).toBe("3.1.0");
    expect(document.paths["/v1/campaigns"].post).toMatchObject({
      "x-tidings-role": "sender",
      security: [{ apiKey: [] }],
    });
    expect(document.paths["/healthz"].get.security).toEqual([]);
  });
});
