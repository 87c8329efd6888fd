import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createPathMatcher, routeTable } from "../../api/openapi/document.ts";
import { z } from "@hono/zod-openapi";
import { authenticate } from "../../api/http/auth.ts";
import { createKeyring } from "../../api/http/keyring.ts";
import type { Problem } from "../../api/http/problem.ts";
import { limitRequests } from "../../api/http/rate-limit.ts";
import { createRouter, defineRoute } from "../../api/http/router.ts";
import { newUuid } from "../../domain/ids.ts";
import { includesRole, roles, type Role } from "../../domain/role.ts";
import { createTokens, recipientPurposes } from "../../domain/tokens.ts";
import { type Api, apiKey, makeKey, startApi, tokenSecret } from "./harness.ts";

let api: Api;
const keys = new Map<Role, string>();
beforeAll(async () => {
  api = await startApi();
  for (const role of roles) keys.set(role, (await makeKey(api, { role })).secret);
});
afterAll(() => api.stop());

/** An unused id of each kind. */
const unknownIds: Record<string, string> = {
  "/v1/api-keys": "key_01jd3v8qyee7fr8xmcsnh5hbcd",
  "/v1/campaigns": "cmp_01jd3v8qyee7fr8xmcsnh5hbcd",
  "/v1/deliveries": "dlv_01jd3v8qyee7fr8xmcsnh5hbcd",
  "/v1/groups": "grp_01jd3v8qyee7fr8xmcsnh5hbcd",
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

const tokens = createTokens([tokenSecret]);
const inAnHour = () => new Date(Date.now() + 3_600_000);
const recipientId = newUuid();

function withKey(method: string, path: string, secret: string) {
  return api.send(method, path, undefined, { authorization: `Bearer ${secret}` });
}

describe("every route", () => {
  it("is defined with its access, and is in the OpenAPI document", () => {
    const defined = table();
    for (const row of defined)
      expect([row.path, ["public", "recipient", "session", ...roles]]).toEqual([
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

  it("refuses callers without a key, except on public routes", async () => {
    for (const { method, path, access } of table()) {
      const response = await api.app.request(unknownPath(path), { method });
      // Signing in and out is refused to what is no page of the console (foreign-pages.test.ts).
      const refused = access === "session" && method !== "GET" ? 403 : 401;
      expect([method, path, response.status === refused]).toEqual([
        method,
        path,
        access !== "public",
      ]);
    }
  });

  it("shares its path only with routes of the same kind of access", () => {
    const routesOf = createPathMatcher(table());
    for (const { path } of table()) {
      const schemes = routesOf(unknownPath(path)).map(({ access }) =>
        ["public", "recipient", "session"].includes(access) ? access : "key",
      );
      expect([path, [...new Set(schemes)]]).toEqual([path, [schemes[0]]]);
    }
  });

  it("for recipients accepts only their tokens", async () => {
    const good = await tokens.signRecipientToken({
      recipientId,
      expiresAt: inAnHour(),
      purposes: recipientPurposes,
    });
    const bad = {
      expired: await tokens.signRecipientToken({ recipientId, expiresAt: new Date() }),
      ofAnAction: await tokens.signActionToken({
        target: { delivery: newUuid() },
        action: { action: "complete" },
        expiresAt: inAnHour(),
      }),
      signedElsewhere: await createTokens([`${tokenSecret}!`]).signRecipientToken({
        recipientId,
        expiresAt: inAnHour(),
      }),
      key: apiKey,
    };
    for (const { method, path, access } of table()) {
      if (access !== "recipient") continue;
      for (const [what, secret] of Object.entries(bad)) {
        const { status, headers } = await withKey(method, unknownPath(path), secret);
        expect([what, method, path, status]).toEqual([what, method, path, 401]);
        expect(headers.get("www-authenticate")).toContain('error="invalid_token"');
      }
      const { status } = await withKey(method, unknownPath(path), good);
      expect([method, path, [401, 403, 500].includes(status)]).toEqual([method, path, false]);
    }
  });

  it("for recipients accepts only tokens of its purpose", async () => {
    for (const { method, path, purpose } of table()) {
      if (purpose === null) continue;
      const purposes = recipientPurposes.filter((other) => other !== purpose);
      const other = await tokens.signRecipientToken({
        recipientId,
        expiresAt: inAnHour(),
        purposes,
      });
      const { status, headers } = await withKey(method, unknownPath(path), other);
      expect([method, path, status]).toEqual([method, path, 403]);
      expect(headers.get("www-authenticate")).toContain('error="insufficient_scope"');
    }
  });

  it("for keys accepts no token", async () => {
    const token = await tokens.signRecipientToken({ recipientId, expiresAt: inAnHour() });
    for (const { method, path, access } of table()) {
      if (access === "public" || access === "recipient" || access === "session") continue;
      const { status } = await withKey(method, unknownPath(path), token);
      expect([method, path, status]).toEqual([method, path, 401]);
    }
  });

  it("refuses keys with lesser roles, and no others", async () => {
    for (const { method, path, access } of table()) {
      if (access === "public" || access === "recipient" || access === "session") continue;
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

  it("answers 404 to an unknown id", async () => {
    for (const { method, path } of table()) {
      if (method !== "GET" || !path.includes("{") || /^\/(docs|console)/.test(path)) continue;
      const { status, body } = await api.send(method, unknownPath(path));
      expect([path, status]).toEqual([path, 404]);
      expect(body.type).toBe("urn:tidings:problem:not-found");
    }
  });
});

describe("/openapi.json", () => {
  it("names the required key of each route", async () => {
    const document = (await api.send("GET", "/openapi.json")).body;
    expect(document.openapi).toBe("3.1.0");
    expect(document.paths["/v1/campaigns"].post).toMatchObject({
      "x-tidings-role": "sender",
      security: [{ apiKey: [] }],
    });
    expect(document.paths["/healthz"].get.security).toEqual([]);
  });
});

describe("a route for recipients", () => {
  const mine = defineRoute({
    method: "get",
    path: "/mine",
    access: "recipient",
    responses: {
      200: { description: "Who asks", content: { "application/json": { schema: z.string() } } },
    },
  });
  const app = createRouter();
  app.use(
    authenticate({
      keyring: createKeyring({
        pool: {} as never,
        bootstrapKey: apiKey,
        clock: () => new Date(),
      }),
      sessions: { find: () => Promise.resolve(null), isInForce: () => Promise.resolve(false) },
      consolePlace: { hosts: [], publicOrigin: "" },
      tokens,
      holderOf: () => Promise.resolve(null),
      clock: () => new Date(),
      schemeOf: () => "recipient",
    }),
  );
  app.use(limitRequests({ requestsPerMinute: 1 }));
  app.openapi(mine, (c) => c.json(`${c.get("caller").id} ${c.get("recipientId")}`, 200));
  app.onError((error, c) => (error as Problem).toResponse(c));
  const ask = (token: string) =>
    app.request("/mine", { headers: { authorization: `Bearer ${token}` } });

  it("identifies the recipient, and limits each separately", async () => {
    const token = await tokens.signRecipientToken({ recipientId, expiresAt: inAnHour() });
    const response = await ask(token);
    expect(await response.json()).toBe(`recipient ${recipientId}`);
    const limit = Number(/limit=(\d+)/.exec(response.headers.get("ratelimit")!)![1]);
    const statuses: number[] = [];
    for (let i = 0; i < limit; i++) statuses.push((await ask(token)).status);
    expect(statuses.lastIndexOf(200)).toBe(limit - 2);
    expect(statuses.at(-1)).toBe(429);
    const another = { recipientId: newUuid(), expiresAt: inAnHour() };
    expect((await ask(await tokens.signRecipientToken(another))).status).toBe(200);
  });

  it("refuses requests without a token, and says what to send", async () => {
    const response = await app.request("/mine");
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({
      detail: "Send a recipient's token as Authorization: Bearer <token>.",
    });
  });
});
