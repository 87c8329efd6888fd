import fc from "fast-check";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createPrisma } from "../../prisma/client.ts";
import { type Api, apiKey, sampleTemplate, seed, startApi } from "./harness.ts";

let api: Api;
beforeAll(async () => {
  api = await startApi({ config: { bodyLimitBytes: 4_096 } });
  await seed(api, 3);
});
afterAll(() => api.stop());

const problem = { "content-type": "application/problem+json" };

describe("every request", () => {
  it.each([
    ["no key", {}],
    ["another scheme", { authorization: `Basic ${apiKey}` }],
    ["a wrong key", { authorization: `Bearer ${apiKey}x` }],
    ["a part of the key", { authorization: `Bearer ${apiKey.slice(0, -1)}` }],
  ])("is refused with %s, whatever its path", async (_, headers) => {
    for (const path of ["/v1/recipients/u0", "/nowhere"]) {
      const reply = await api.app.request(path, { headers });
      expect(reply.status).toBe(401);
      expect(reply.headers.get("content-type")).toBe(problem["content-type"]);
      expect(reply.headers.get("www-authenticate")).toMatch(/^Bearer/);
    }
  });

  it("is held to the limit of bodies, on the path of an import too", async () => {
    const large = JSON.stringify({ attributes: { padding: "x".repeat(5_000) } });
    for (const path of ["/v1/recipients/import", "/v1/recipients/somebody"])
      expect((await api.send("PUT", path, large)).status).toBe(413);
    const { status, body } = await api.send("PUT", "/v1/recipients/import", { locale: "\u0000" });
    expect([status, body.errors[0].field]).toEqual([422, "/locale"]);
    expect((await api.send("PUT", "/v1/recipients/import", {})).status).toBe(201);
  });

  it("has an id, its own if that is a plain one", async () => {
    const own = await api.send("GET", "/v1/recipients/nobody", undefined, {
      "x-request-id": "abc-1",
    });
    expect(own.headers.get("x-request-id")).toBe("abc-1");
    expect(own.body.requestId).toBe("abc-1");
    const other = await api.send("GET", "/v1/recipients/nobody", undefined, {
      "x-request-id": "a b\u00e4",
    });
    expect(other.body.requestId).toMatch(/^[0-9a-f-]{36}$/);
  });

  it("finds no such route, or the methods it could have used", async () => {
    expect((await api.send("GET", "/v1/nowhere")).body).toMatchObject({
      status: 404,
      type: "urn:tidings:problem:not-found",
    });
    const reply = await api.send("DELETE", "/v1/audit");
    expect(reply.body).toMatchObject({ status: 405, detail: "This path allows only GET." });
    expect(reply.headers.get("allow")).toBe("GET, HEAD, OPTIONS");
  });

  it("answers HEAD as GET without its body, and OPTIONS with the methods there are", async () => {
    const head = await api.send("HEAD", "/v1/audit");
    expect([head.status, head.body]).toEqual([200, null]);
    expect(head.headers.get("content-type")).toBe("application/json");
    const options = await api.send("OPTIONS", "/v1/campaigns/cmp_1/pause");
    expect([options.status, options.headers.get("allow")]).toEqual([204, "POST, OPTIONS"]);
    expect((await api.send("OPTIONS", "/v1/nowhere")).status).toBe(404);
    expect((await api.app.request("/v1/audit", { method: "OPTIONS" })).status).toBe(401);
  });

  it("has one form of answer, whatever the caller would rather have", async () => {
    const page = await api.send("GET", "/v1/audit", undefined, { accept: "text/html" });
    expect([page.status, page.headers.get("content-type")]).toEqual([200, "application/json"]);
    const problem = await api.send("GET", "/v1/nowhere", undefined, { accept: "text/html" });
    expect(problem.headers.get("content-type")).toBe("application/problem+json");
  });
});

describe("a body", () => {
  it("that is not JSON is refused with the place", async () => {
    const reply = await api.send("POST", "/v1/templates", '{\n  "key": "a",\n  "name" "b"\n}');
    expect(reply.body).toMatchObject({
      status: 400,
      detail: "Line 3, column 10: expected a colon.",
    });
  });

  it("that is not UTF-8 is refused", async () => {
    const reply = await api.app.request("/v1/templates", {
      method: "POST",
      headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
      body: new Uint8Array([0x22, 0xff, 0x22]),
    });
    expect(reply.status).toBe(400);
  });

  it.each([
    "text/plain",
    "application/xml",
    "application/json; charset=latin1",
    "application/json ; charset=utf-8",
    "application/vnd.a1+json",
    "multipart/form-data",
    "",
  ])("of type %j is refused", async (type) => {
    const reply = await api.send("POST", "/v1/templates", "{}", { "content-type": type });
    expect(reply.status).toBe(415);
    expect(reply.headers.get("accept")).toBe("application/json");
  });

  it.each([
    "application/json;charset=UTF-8",
    'application/json; charset="utf-8"',
    "application/vnd.tidings+json",
  ])("of type %j is read", async (type) => {
    expect((await api.send("POST", "/v1/templates", "{}", { "content-type": type })).status).toBe(
      422,
    );
  });

  it("over the limit is refused, announced or not", async () => {
    const long = JSON.stringify({ key: "x".repeat(5_000) });
    expect((await api.send("POST", "/v1/templates", long)).status).toBe(413);
    expect(
      (await api.send("POST", "/v1/templates", long, { "content-length": String(long.length) }))
        .status,
    ).toBe(413);
  });

  it.each(["/v1/templates", "/v1/recipients/import"])(
    "to %s that is compressed is refused",
    async (path) => {
      const reply = await api.send("POST", path, "{}", { "content-encoding": "gzip" });
      expect(reply.status).toBe(415);
      expect(reply.body.detail).toContain("Content-Encoding");
      expect(reply.headers.get("accept-encoding")).toBe("identity");
    },
  );

  it("with a key that copies of objects lose is refused, not half kept", async () => {
    const reply = await api.send(
      "PUT",
      "/v1/recipients/proto",
      '{"attributes":{"__proto__":{"plan":"pro"}}}',
    );
    expect(reply.status).toBe(422);
    expect(reply.body.errors).toEqual([
      { in: "body", field: "/attributes", message: "must not have the key __proto__" },
    ]);
  });

  it("that is missing is refused, and the answer names the missing fields", async () => {
    const fieldsMissingFrom = async (body?: object) => {
      const reply = await api.send("POST", "/v1/notifications", body);
      expect(reply.status).toBe(422);
      return reply.body.errors.map(({ field }: { field: string }) => field);
    };
    expect(await fieldsMissingFrom()).toEqual(["/recipients"]);
    expect(await fieldsMissingFrom({ recipients: ["a"] })).toEqual(["/template"]);
    expect(await fieldsMissingFrom({ template: { key: "a" } })).toEqual(["/recipients"]);
  });

  it("nested too deeply is refused without a stack overflow", async () => {
    const reply = await api.send(
      "POST",
      "/v1/notifications",
      `{"data":${"[".repeat(2_000)}${"]".repeat(2_000)}}`,
    );
    expect(reply.status).toBe(422);
    expect(reply.body.errors[0].message).toContain("32 levels");
  });
});

describe("a query", () => {
  it.each([
    ["statuss=failed", "statuss", "is unknown: remove it or correct its spelling"],
    ["status=sent&status=failed", "status", "must be given only once"],
    ["limit=1&limit=2", "limit", "must be given only once"],
    ["limit=0", "limit", "must be a whole number from 1 to 200"],
    ["limit=1.5", "limit", "must be a whole number from 1 to 200"],
  ])("of %s is refused, for it would not mean what was meant", async (query, field, message) => {
    const reply = await api.send("GET", `/v1/deliveries?${query}`);
    expect(reply.status).toBe(422);
    expect(reply.body.errors).toEqual([{ in: "query", field, message }]);
  });
});

describe("bad input", () => {
  const campaign = {
    name: "c",
    template: { key: sampleTemplate.key },
    audience: { all: true },
    data: { order: "1" },
  };
  const notification = {
    recipients: ["u0"],
    template: { key: sampleTemplate.key },
    data: { order: "1" },
  };
  const routes: [string, string, Record<string, unknown>][] = [
    [
      "PUT",
      "/v1/recipients/u0",
      {
        email: "a@example.org",
        phone: "+4915112345678",
        timeZone: "UTC",
        locale: "en",
        attributes: { a: 1 },
      },
    ],
    ["POST", "/v1/templates", sampleTemplate],
    [
      "POST",
      "/v1/templates/order-shipped/versions",
      { content: sampleTemplate.content, variables: sampleTemplate.variables },
    ],
    [
      "POST",
      "/v1/templates/order-shipped/preview",
      { data: { order: "1" }, recipient: "u0", version: 1 },
    ],
    [
      "POST",
      "/v1/campaigns",
      {
        ...campaign,
        startAt: "2030-01-01T00:00:00Z",
        throttle: { perSecond: 1 },
        audience: { where: { attribute: "a", equals: 1 } },
      },
    ],
    [
      "POST",
      "/v1/notifications",
      { ...notification, sendAt: "2030-01-01T00:00:00Z", priority: "high" },
    ],
  ];

  it.each([
    ["/recipients/1", { ...notification, recipients: ["u0", "nobody"] }],
    ["/recipients", { ...notification, recipients: [] }],
    ["/recipients", { ...notification, recipients: Array(1_001).fill("u0") }],
    ["/template/key", { ...notification, template: { key: "nothing" } }],
    ["/template", { ...notification, template: { key: sampleTemplate.key, version: 9 } }],
    [
      "/template/version",
      { ...notification, template: { key: sampleTemplate.key, version: 2 ** 40 } },
    ],
    ["/data/order", { ...notification, data: {} }],
    ["/data/order", { ...notification, data: { order: "a\u0000" } }],
    ["/priority", { ...notification, priority: "urgent" }],
    ["/sendAt", { ...notification, sendAt: "tomorrow" }],
    ["/sendAt", { ...notification, sendAt: "2030-02-30T00:00:00Z" }],
    ["/sendAt", { ...notification, sendAt: "9999-01-01T00:00:00Z" }],
    ["/sendat", { ...notification, sendat: "2030-01-01T00:00:00Z" }],
  ])("of a notification is named: %s", async (field, body) => {
    // The limit of this app is for another test.
    const roomy = await startApiOnce();
    const reply = await roomy.send("POST", "/v1/notifications", body);
    expect(reply.status).toBe(422);
    expect(reply.body.errors.map((error: { field: string }) => error.field)).toContain(field);
    expect(await roomy.prisma.notification.count()).toBe(0);
  });

  it.each([
    ["/audience", { ...campaign, audience: {} }],
    [
      "/audience/where/field",
      { ...campaign, audience: { where: { field: "password", equals: "x" } } },
    ],
    [
      "/audience/where/equals",
      { ...campaign, audience: { where: { attribute: "plan", equals: {} } } },
    ],
    [
      "/audience/where/any/0/in",
      { ...campaign, audience: { where: { any: [{ attribute: "plan", in: [] }] } } },
    ],
    ["/throttle/perSecond", { ...campaign, throttle: { perSecond: 0 } }],
    ["/guarantee", { ...campaign, guarantee: "exactly_once" }],
    ["/data/order", { ...campaign, data: { order: 7 } }],
    ["/name", { ...campaign, name: "" }],
  ])("of a campaign is named: %s", async (field, body) => {
    const reply = await api.send("POST", "/v1/campaigns", body);
    expect(reply.status).toBe(422);
    expect(reply.body.errors.map((error: { field: string }) => error.field)).toContain(field);
  });

  /** Values that have broken something somewhere. */
  const evil = fc.oneof(
    fc.constantFrom<unknown>(
      null,
      true,
      -1,
      0.5,
      2 ** 31,
      2 ** 53,
      1e308,
      "",
      "\u0000",
      "\ud800",
      "'; DROP TABLE recipients; --",
      "{{",
      "{% raw %}",
      [],
      {},
      "1970-01-01T00:00:00Z",
      "+275760-09-13T00:00:00Z",
      "x".repeat(1_500),
    ),
    fc.jsonValue({ maxDepth: 3, stringUnit: "binary" }),
  );

  it("is never a 500, wherever in a valid request it stands", async () => {
    const mutation = fc
      .constantFrom(...routes)
      .chain(([method, path, body]) =>
        fc.tuple(
          fc.constant(method),
          fc.constant(path),
          fc.constant(body),
          fc.constantFrom(...pathsOf(body)),
          evil,
        ),
      );
    await fc.assert(
      fc.asyncProperty(mutation, async ([method, path, body, at, value]) => {
        const reply = await api.send(method, path, replaced(body, at, value));
        expect(reply.status).toBeLessThan(500);
        if (reply.status >= 400) {
          expect(reply.headers.get("content-type")).toBe("application/problem+json");
          expect(reply.body.title).toEqual(expect.any(String));
        }
      }),
      { numRuns: 400 },
    );
  });

  it("is never a 500 in a path or a query either", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(
          "/v1/recipients/*",
          "/v1/templates/*",
          "/v1/campaigns/*",
          "/v1/campaigns/*/progress",
          "/v1/notifications/*",
          "/v1/deliveries/*",
          "/v1/deliveries?recipient=*",
          "/v1/notifications?createdBy=*",
          "/v1/campaigns/cmp_01jd3v8qyee7fr8xmcsnh5hbcd/deliveries?cursor=*",
          "/v1/campaigns/cmp_01jd3v8qyee7fr8xmcsnh5hbcd/deliveries?limit=*",
        ),
        fc.oneof(
          fc.string({ unit: "binary", minLength: 1 }),
          fc.constantFrom(
            "%",
            "%00",
            "%ff",
            "..",
            "cmp_",
            "rcp_zzzzzzzzzzzzzzzzzzzzzzzzzz",
            "a".repeat(3_000),
          ),
        ),
        async (pattern, value) => {
          const reply = await api.send(
            "GET",
            pattern.replace("*", () =>
              value.startsWith("%")
                ? value
                : encodeURIComponent(value.replaceAll(/\p{Surrogate}/gu, "?")),
            ),
          );
          expect(reply.status).toBeLessThan(500);
        },
      ),
      { numRuns: 200 },
    );
  });

  let roomyApi: Promise<Api> | undefined;
  const startApiOnce = () =>
    (roomyApi ??= startApi().then(async (started) => {
      await seed(started, 3);
      return started;
    }));
  afterAll(async () => (await roomyApi)?.stop());
});

function pathsOf(value: unknown): (string | number)[][] {
  if (typeof value !== "object" || value === null) return [[]];
  return [
    [],
    ...Object.entries(value).flatMap(([key, item]) => pathsOf(item).map((path) => [key, ...path])),
  ];
}

function replaced(value: unknown, [key, ...rest]: (string | number)[], by: unknown): unknown {
  if (key === undefined) return by;
  const copy = structuredClone(value) as Record<string | number, unknown>;
  copy[key] = replaced(copy[key], rest, by);
  return copy;
}

describe("health", () => {
  it("is public", async () => {
    expect((await api.app.request("/healthz")).status).toBe(200);
    const ready = await api.app.request("/readyz");
    expect(await ready.json()).toEqual({
      status: "ready",
      database: "up",
      temporal: "up",
      sealing: "up",
    });
  });

  it("is degraded without Temporal, and bad without the database", async () => {
    const away = await startApi({ probeTemporal: () => Promise.reject(new Error("away")) });
    const ready = await away.app.request("/readyz");
    expect(ready.status).toBe(200);
    expect(await ready.json()).toMatchObject({
      status: "degraded",
      database: "up",
      temporal: "down",
    });
    await away.stop();
    expect((await away.app.request("/readyz")).status).toBe(503);
    expect((await away.app.request("/healthz")).status).toBe(200);
  });

  it("is bad where the database takes no writes, and says so; what writes is answered with 503", async () => {
    const { url, stop } = await startApi();
    const database = new pg.Client({ connectionString: url });
    await database.connect();
    await database.query(
      `ALTER DATABASE ${database.escapeIdentifier(new URL(url).pathname.slice(1))} SET default_transaction_read_only = on`,
    );
    await database.end();
    // Its connections are made after that.
    const prisma = createPrisma({ url, connections: 2 });
    const readOnly = await startApi({
      database: { url, prisma, drop: () => Promise.reject(new Error("not its own")) },
    });
    const ready = await readOnly.app.request("/readyz");
    expect(ready.status).toBe(503);
    expect(ready.headers.get("retry-after")).toBe("2");
    expect(await ready.json()).toMatchObject({
      type: "urn:tidings:problem:unavailable",
      detail: "The database does not accept writes. The database is read-only.",
    });
    const { status } = await readOnly.send("PUT", "/v1/recipients/ada", {
      email: "ada@example.org",
    });
    expect(status).toBe(503);
    expect((await readOnly.app.request("/healthz")).status).toBe(200);
    const { body } = await readOnly.send("GET", "/metrics");
    expect(body).toContain("tidings_database_up 1");
    expect(body).toContain("tidings_database_takes_writes 0");
    await readOnly.stop();
    await prisma.$disconnect();
    await stop();
  });

  it("shows in every other answer as a 503 with a time to come back", async () => {
    const away = await startApi();
    await seed(away, 1);
    await away.stop();
    for (const [method, path, body] of [
      ["GET", "/v1/recipients/u0", undefined],
      ["PUT", "/v1/recipients/u0", {}],
      ["DELETE", "/v1/recipients/u0", undefined],
      [
        "POST",
        "/v1/notifications",
        { recipients: ["u0"], template: { key: "order-shipped" }, data: { order: "1" } },
      ],
      ["GET", "/v1/campaigns/cmp_01jd3v8qyee7fr8xmcsnh5hbcd/reconciliation", undefined],
    ] as const) {
      const reply = await away.send(method, path, body);
      expect([path, reply.status]).toEqual([path, 503]);
      expect(Number(reply.headers.get("retry-after"))).toBeGreaterThan(0);
      expect(JSON.stringify(reply.body)).not.toMatch(/prisma|postgres|127\.0\.0\.1/i);
    }
  });
});
