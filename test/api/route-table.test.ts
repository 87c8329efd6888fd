import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { routeClasses } from "../../api/http/route-classes.ts";
import { type createRouter, roleOf, type TableRow } from "../../api/http/router.ts";
import { describeRoutes } from "../support/route-table.ts";
import { routeTable } from "../../api/openapi/document.ts";
import { packageRoot } from "../../config/package-root.ts";
import { includesRole, type Role, roles } from "../../domain/role.ts";
import { type Scope, scopeRoles, scopes } from "../../domain/scope.ts";
import { type Api, makeKey, startApi } from "./harness.ts";

let api: Api;
let table: TableRow[];
beforeAll(async () => {
  api = await startApi();
  table = routeTable(api.app as unknown as ReturnType<typeof createRouter>);
});
afterAll(() => api.stop());

const keyed = () => table.filter(({ access }) => roleOf(access) !== null);
const anyPath = (path: string) =>
  path.replaceAll(/\{version\}/g, "7").replaceAll(/\{\w+\}/g, "nobody");
const statusOf = async ({ method, path }: TableRow, secret: string) =>
  (await api.send(method, anyPath(path), undefined, { authorization: `Bearer ${secret}` })).status;

describe("the table of routes", () => {
  it("says of each route how its requests are let in", () => {
    for (const row of table) {
      const limits = routeClasses[row.class];
      expect([row.path, limits]).toEqual([
        row.path,
        {
          purpose: expect.any(String),
          body: expect.toSatisfy((body) => typeof body === "number" || body !== ""),
          bodySeconds: expect.toSatisfy((given) => given === null || given > 0),
          atOnce: expect.toSatisfy((given) => given === null || given > 0),
          perCaller: expect.any(Number),
          waiting: expect.any(Number),
          waitSeconds: expect.any(Number),
          connections: expect.any(String),
        },
      ]);
      expect([row.path, row.scope !== null]).toEqual([row.path, keyed().includes(row)]);
    }
  });

  it("bounds everything but what costs nothing, and what a stranger sends to 16 KiB, apart from signed reports", () => {
    const unbounded = table.filter((row) => routeClasses[row.class].atOnce === null);
    expect(unbounded.map(({ path }) => path)).toEqual(["/healthz", "/readyz"]);
    for (const row of table) {
      const { body, bodySeconds } = routeClasses[row.class];
      if (roleOf(row.access) === null && row.class !== "webhook")
        expect([row.path, Number(body) <= 16_384]).toEqual([row.path, true]);
      if (row.method !== "GET" && row.class !== "import")
        expect([row.path, bodySeconds]).toEqual([row.path, expect.any(Number)]);
    }
  });

  it("lets nothing of strangers have the connections of accepting, and nothing but accepting", () => {
    for (const row of table) {
      const { connections } = routeClasses[row.class];
      // The preference centre has them once the link of its recipient is verified.
      if (row.access === "public" && row.class !== "selfService")
        expect([row.path, connections]).not.toContain("shared");
      expect([row.path, connections === "accept"]).toEqual([row.path, row.class === "accept"]);
    }
  });

  it("stands in the documentation as it is", async () => {
    await expect(describeRoutes(table)).toMatchFileSnapshot(join(packageRoot, "docs/routes.md"));
  });
});

describe("scopes", () => {
  it("are each of use to the least role that a route of theirs takes", () => {
    for (const scope of scopes) {
      const taking = keyed().flatMap((row) => (row.scope === scope ? [row.access as Role] : []));
      const least = [...roles].reverse().find((role) => taking.includes(role));
      expect([scope, least]).toEqual([scope, scopeRoles[scope]]);
    }
  });

  it("narrow a key on every route: with its scope it is let in, with all others it is not", async () => {
    const secrets = new Map<Scope, { only: string; others: string }>();
    for (const scope of scopes) {
      const only = await makeKey(api, { role: "admin", scopes: [scope] });
      const rest = scopes.filter((other) => other !== scope);
      const others = await makeKey(api, { role: "admin", scopes: rest });
      secrets.set(scope, { only: only.secret, others: others.secret });
    }
    for (const row of keyed()) {
      const { only, others } = secrets.get(row.scope!)!;
      expect([row.method, row.path, (await statusOf(row, others)) === 403]).toEqual([
        row.method,
        row.path,
        true,
      ]);
      expect([row.method, row.path, (await statusOf(row, only)) === 403]).toEqual([
        row.method,
        row.path,
        false,
      ]);
    }
  });

  it("give no role more than it has", async () => {
    for (const role of roles)
      for (const scope of scopes) {
        const { status, body } = await api.send("POST", "/v1/api-keys", {
          name: "narrow",
          role,
          scopes: [scope],
        });
        const usable = includesRole(role, scopeRoles[scope]);
        expect([role, scope, status]).toEqual([role, scope, usable ? 201 : 422]);
        if (!usable) expect(body.errors[0].field).toBe("/scopes");
      }
  });

  it("are shown with their key, and none means all of its role", async () => {
    const wanted = { name: "n", role: "sender", scopes: ["recipients:read", "metrics"] };
    const { body } = await api.send("POST", "/v1/api-keys", wanted);
    expect(body.scopes).toEqual(["metrics", "recipients:read"]);
    const { id } = await makeKey(api, { role: "sender" });
    expect((await api.send("GET", `/v1/api-keys/${id}`)).body.scopes).toBeNull();
    const empty = await api.send("POST", "/v1/api-keys", { ...wanted, scopes: [] });
    expect([empty.status, empty.body.errors[0].field]).toEqual([422, "/scopes"]);
  });

  it("cannot be got rid of by the keys that a narrowed key makes or rotates", async () => {
    const { secret } = await makeKey(api, { role: "admin", scopes: ["api-keys:write", "metrics"] });
    const as = { authorization: `Bearer ${secret}` };
    const make = async (scopes: Scope[] | null) =>
      (await api.send("POST", "/v1/api-keys", { name: "n", role: "admin", scopes }, as)).status;
    expect(await make(null)).toBe(403);
    expect(await make(["metrics", "audit:read"])).toBe(403);
    expect(await make(["metrics"])).toBe(201);
    const wide = await makeKey(api, { role: "admin" });
    const narrow = await makeKey(api, { role: "admin", scopes: ["metrics"] });
    const rotate = async (id: string) =>
      (await api.send("POST", `/v1/api-keys/${id}/rotate`, {}, as)).status;
    expect([await rotate(wide.id), await rotate(narrow.id)]).toEqual([403, 200]);
  });
});

describe("the role metrics", () => {
  it("reads /metrics, and nothing else", async () => {
    const { secret } = await makeKey(api, { role: "metrics" });
    for (const row of keyed())
      expect([row.path, (await statusOf(row, secret)) !== 403]).toEqual([
        row.path,
        row.path === "/metrics",
      ]);
  });
});
