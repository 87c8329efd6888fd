import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newUuid } from "../../domain/ids.ts";
import { type Api, makeKey, sampleTemplate, seed, startApi } from "./harness.ts";

let api: Api;
beforeAll(async () => {
  api = await startApi();
  await seed(api, 2);
});
afterAll(() => api.stop());

const path = "/v1/notification-types";
const defaults = {
  public: {},
  priority: "normal",
  channels: ["email", "push", "in_app", "sms", "webhook"],
  route: null,
  batchable: false,
  digestable: false,
  mandatory: false,
  failoverAfterSeconds: "by_priority",
  timeToLiveSeconds: null,
  collapseKey: null,
  spreadMinutes: null,
  summaryTitle: null,
  viewAllUrl: null,
  email: {},
  summaryIcon: null,
  summaryActionLabels: {},
  summaryTemplate: null,
  tracking: { opens: false, clicks: false },
  redirects: true,
  limits: {},
  preferences: {},
};

let made = 0;
async function create(part: object = {}) {
  const key = `type-${(made += 1)}`;
  const reply = await api.send("POST", path, { key, name: "A type", ...part });
  expect([reply.status, reply.body]).toMatchObject([201, {}]);
  return reply.body as { id: string; key: string; failoverAfterSeconds: unknown };
}

const patch = (key: string, body: unknown, match: string | null = "*") =>
  api.send("PATCH", `${path}/${key}`, body, match === null ? {} : { "if-match": match });

describe("the types that come with it", () => {
  it("are rows like others: read, listed and changed", async () => {
    const { body } = await api.send("GET", `${path}?sort=key`);
    expect(body.items.map(({ key }: { key: string }) => key)).toEqual([
      "habit.reminder",
      "report.weekly",
      "security.alert",
      "task.deadline",
    ]);
    const alert = await api.send("GET", `${path}/security.alert`);
    expect(alert.body).toEqual({
      ...defaults,
      id: expect.stringMatching(/^typ_/),
      key: "security.alert",
      name: "Security alerts",
      priority: "critical",
      mandatory: true,
      version: 1,
      createdAt: expect.any(String),
      updatedAt: expect.any(String),
    });
    const changed = await patch("habit.reminder", { timeToLiveSeconds: 3_600 });
    expect(changed.body).toMatchObject({ batchable: true, timeToLiveSeconds: 3_600, version: 2 });
    const { body: versions } = await api.send("GET", `${path}/habit.reminder/versions`);
    expect(versions.items.map((row: { createdBy: string }) => row.createdBy)).toEqual([
      "bootstrap",
      "shipped",
    ]);
  });
});

describe("a notification type", () => {
  it("is created with what it says, and defaults for the rest", async () => {
    const definition = {
      name: "Invoices",
      priority: "high",
      channels: ["email", "sms"],
      batchable: true,
      digestable: true,
      failoverAfterSeconds: 120,
      timeToLiveSeconds: 86_400,
      collapseKey: "invoice",
      spreadMinutes: 5,
      summaryIcon: "https://tasks.example.org/icons/batch.png",
      summaryActionLabels: { view: "View all tasks" },
      summaryTemplate: sampleTemplate.key,
      limits: { perDay: 20 },
      preferences: { batching: { windowMinutes: 60 }, digest: { mode: "daily" } },
    };
    const reply = await api.send("POST", path, { key: "invoice", ...definition });
    expect(reply.status).toBe(201);
    expect(reply.body).toMatchObject({ key: "invoice", mandatory: false, version: 1 });
    expect(reply.body).toMatchObject(definition);
    const read = await api.send("GET", `${path}/invoice`);
    expect(read.body).toEqual(reply.body);
    expect(read.headers.get("etag")).toBe('"1"');
    expect((await api.send("GET", `${path}/${(await create()).key}`)).body).toMatchObject(defaults);
  });

  it("is created once under an Idempotency-Key, and has a key of its own", async () => {
    const headers = { "idempotency-key": "a-type" };
    const body = { key: "keyed", name: "Keyed" };
    const first = await api.send("POST", path, body, headers);
    const second = await api.send("POST", path, body, headers);
    expect(second.body).toEqual(first.body);
    expect(second.headers.get("idempotency-replayed")).toBe("true");
    expect((await api.send("POST", path, body)).status).toBe(409);
    const raced = await Promise.all(
      ["a", "b", "c"].map((name) => api.send("POST", path, { key: "raced", name })),
    );
    expect(raced.map(({ status }) => `${status}`).toSorted()).toEqual(["201", "409", "409"]);
  });

  it("is found by a part of its key or its name", async () => {
    await create({ name: "100% Wool_socks" });
    const found = async (q: string) =>
      (await api.send("GET", `${path}?q=${encodeURIComponent(q)}`)).body.items.length;
    expect(await found("wool_SOCKS")).toBe(1);
    expect(await found("0%")).toBe(1);
    expect(await found("%%")).toBe(0);
    expect(await found("security.")).toBe(1);
  });

  it("is changed by a merge patch, whose null takes the default again", async () => {
    const { key } = await create({
      batchable: true,
      collapseKey: "x",
      limits: { perDay: 20, perHour: 5 },
      preferences: { digest: { mode: "daily", time: "07:15" } },
    });
    const { body } = await patch(key, {
      batchable: null,
      collapseKey: null,
      limits: { perHour: null },
      preferences: { digest: { time: "07:30" }, maxPerHour: 3 },
    });
    expect(body).toMatchObject({
      batchable: false,
      collapseKey: null,
      limits: { perDay: 20 },
      preferences: { digest: { mode: "daily", time: "07:30" }, maxPerHour: 3 },
      version: 2,
    });
    expect(body.limits).not.toHaveProperty("perHour");
    const same = await patch(key, { batchable: false });
    expect(same.headers.get("etag")).toBe('"2"');
  });

  it("never leaves a channel during an outage if a change says null", async () => {
    const { key } = await create({ failoverAfterSeconds: 120 });
    const changeTo = async (part: object) => (await patch(key, part)).body.failoverAfterSeconds;
    expect(await changeTo({ failoverAfterSeconds: null })).toBeNull();
    expect(await changeTo({ batchable: true })).toBeNull();
    expect(await changeTo({ failoverAfterSeconds: "by_priority" })).toBe("by_priority");
    expect((await create({ failoverAfterSeconds: null })).failoverAfterSeconds).toBeNull();
  });

  it("keeps each of its versions as it was, and who made it", async () => {
    const { key } = await create();
    const { id, secret } = await makeKey(api, { role: "admin" });
    for (const name of ["Second", "Third"])
      await api.send(
        "PATCH",
        `${path}/${key}`,
        { name },
        {
          "if-match": "*",
          authorization: `Bearer ${secret}`,
        },
      );
    const first = await api.send("GET", `${path}/${key}/versions?limit=2`);
    expect(first.body.items).toEqual([
      { version: 3, createdBy: id, createdAt: expect.any(String) },
      { version: 2, createdBy: id, createdAt: expect.any(String) },
    ]);
    const rest = await api.send(
      "GET",
      `${path}/${key}/versions?limit=2&cursor=${first.body.nextCursor}`,
    );
    expect(rest.body).toEqual({
      items: [{ version: 1, createdBy: "bootstrap", createdAt: expect.any(String) }],
      nextCursor: null,
    });
    const names = await Promise.all(
      [1, 2, 3].map(async (n) => (await api.send("GET", `${path}/${key}/versions/${n}`)).body.name),
    );
    expect(names).toEqual(["A type", "Second", "Third"]);
    expect((await api.send("GET", `${path}/${key}/versions/4`)).status).toBe(404);
    expect((await api.send("GET", `${path}/${key}/versions?cursor=x`)).status).toBe(422);
  });

  it("is changed only by a caller that has read its latest version", async () => {
    const { key } = await create();
    expect((await patch(key, { name: "x" }, null)).status).toBe(428);
    expect((await patch(key, { name: "x" }, '"2"')).status).toBe(412);
    const raced = await Promise.all(["a", "b", "c"].map((name) => patch(key, { name }, '"1"')));
    expect(raced.map(({ status }) => `${status}`).toSorted()).toEqual(["200", "412", "412"]);
  });

  it("loses no change of 20 at once", async () => {
    const { key } = await create();
    const limits = ["perMinute", "perHour", "perDay"];
    await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        patch(key, { limits: { [limits[i % 3]!]: i + 1 }, spreadMinutes: i + 1 }),
      ),
    );
    const { body } = await api.send("GET", `${path}/${key}/versions`);
    expect(body.items.map(({ version }: { version: number }) => version)).toEqual(
      Array.from({ length: 21 }, (_, i) => 21 - i),
    );
    const { body: now } = await api.send("GET", `${path}/${key}`);
    expect(Object.keys(now.limits).toSorted()).toEqual(limits.toSorted());
  });

  it.each<[string, object, RegExp]>([
    ["/key", { key: "Has Spaces" }, /a-z/],
    ["/name", { name: "" }, /empty/],
    ["/priority", { priority: "urgent" }, /"critical" or "high"/],
    ["/channels", { channels: [] }, /at least one/],
    ["/channels", { channels: ["email", "email"] }, /once/],
    ["/channels/0", { channels: ["fax"] }, /"email"/],
    ["/timeToLiveSeconds", { timeToLiveSeconds: 0 }, /from 1 to 31536000 seconds/],
    ["/timeToLiveSeconds", { timeToLiveSeconds: 1.5 }, /from 1 to 31536000/],
    ["/failoverAfterSeconds", { failoverAfterSeconds: 9 }, /from 10 to 86400 seconds/],
    ["/failoverAfterSeconds", { failoverAfterSeconds: 86_401 }, /from 10 to 86400 seconds/],
    ["/failoverAfterSeconds", { failoverAfterSeconds: "never" }, /by_priority/],
    ["/spreadMinutes", { spreadMinutes: 1_441 }, /from 1 to 1440 minutes/],
    ["/limits/perHour", { limits: { perHour: 0 } }, /from 1 to 10000 messages/],
    [
      "/limits/burst/seconds",
      { limits: { burst: { messages: 1, seconds: 0 } } },
      /from 1 to 3600 seconds/,
    ],
    ["/limits/perDay", { limits: { perDay: 10_001 } }, /from 1 to 10000 messages/],
    ["/preferences/maxPerHour", { preferences: { maxPerHour: 0 } }, /from 1 to 1000 messages/],
    [
      "/preferences/batching/maximumSize",
      { preferences: { batching: { maximumSize: 21 } } },
      /from 2 to 20 messages/,
    ],
    ["/preferences/types", { preferences: { types: {} } }, /is unknown/],
    ["/summaryIcon", { summaryIcon: "javascript:alert(1)" }, /http/],
    ["/summaryActionLabels/view", { summaryActionLabels: { view: "" } }, /./],
    ["/summaryTemplate", { summaryTemplate: "nothing" }, /names no template/],
    ["/unknown", { unknown: null }, /is unknown/],
  ])("is refused with a bad %s: %j", async (field, part, message) => {
    const reply = await api.send("POST", path, { key: "bad", name: "Bad", ...part });
    expect(reply.status).toBe(422);
    expect(reply.body.errors).toContainEqual({
      in: "body",
      field,
      message: expect.stringMatching(message),
    });
    if (field === "/key") return;
    const { key } = await create();
    const patched = await patch(key, part);
    expect(patched.body.errors).toContainEqual(expect.objectContaining({ field }));
    expect((await api.send("GET", `${path}/${key}`)).headers.get("etag")).toBe('"1"');
  });

  it("needs a name", async () => {
    const { key } = await create();
    expect((await patch(key, { name: null })).body.errors).toEqual([
      { in: "body", field: "/name", message: expect.stringContaining("is required") },
    ]);
  });

  it("may not take an archived template for its summary, and may keep one that is archived later", async () => {
    await api.send("POST", "/v1/templates", { ...sampleTemplate, key: "summary" });
    const { key } = await create({ summaryTemplate: "summary" });
    await api.send("POST", "/v1/templates/summary/archive");
    expect((await patch(key, { name: "Other" })).status).toBe(200);
    const refused = await patch((await create()).key, { summaryTemplate: "summary" });
    expect(refused.status).toBe(422);
    expect(refused.body.errors[0]).toMatchObject({
      field: "/summaryTemplate",
      message: expect.stringContaining("archived"),
    });
  });

  it("is edited by admins, and read by viewers", async () => {
    const { key } = await create();
    for (const role of ["viewer", "sender"] as const) {
      const { secret } = await makeKey(api, { role });
      const headers = { authorization: `Bearer ${secret}`, "if-match": "*" };
      expect((await api.send("PATCH", `${path}/${key}`, {}, headers)).status).toBe(403);
      expect((await api.send("DELETE", `${path}/${key}`, undefined, headers)).status).toBe(403);
      expect((await api.send("GET", `${path}/${key}`, undefined, headers)).status).toBe(200);
    }
  });

  it("is deleted only if nothing is of it, and the trail says so", async () => {
    const { key } = await create();
    const notification = newUuid();
    await api.prisma.$executeRaw`
      INSERT INTO notifications (id, template_version_id, send_at, type_id)
      SELECT ${notification}::uuid, v.id, now(), t.id FROM notification_types t, template_versions v WHERE t.key = ${key} LIMIT 1`;
    const refused = await api.send("DELETE", `${path}/${key}`);
    expect([refused.status, refused.body.type]).toEqual([409, "urn:tidings:problem:conflict"]);
    await api.prisma.notification.delete({ where: { id: notification } });
    expect((await api.send("DELETE", `${path}/${key}`)).status).toBe(204);
    expect((await api.send("DELETE", `${path}/${key}`)).status).toBe(404);
    expect((await api.send("GET", `${path}/${key}/versions`)).status).toBe(404);
    const { body } = await api.send("GET", `/v1/audit?resource=${key}&action=type`);
    expect(body.items.map(({ action }: { action: string }) => action)).toEqual([
      "type.delete",
      "type.create",
    ]);
  });

  it("is there or is not, however its deletion and what names it meet", async () => {
    const campaign = (type: string) =>
      api.send("POST", "/v1/campaigns", {
        name: "Spring",
        template: { key: sampleTemplate.key },
        audience: { all: true },
        data: { order: "1" },
        type,
      });
    const notification = (type: string) =>
      api.send("POST", "/v1/notifications", {
        recipients: ["u1"],
        template: { key: sampleTemplate.key },
        data: { order: "1" },
        type,
      });
    for (const [send, done] of [
      [campaign, 201],
      [notification, 202],
    ] as const) {
      for (let round = 0; round < 5; round += 1) {
        const { key } = await create();
        // So that it is known of.
        await notification((await create()).key);
        const [sent, deleted] = await Promise.all([
          send(key),
          api.send("DELETE", `${path}/${key}`),
        ]);
        expect([
          [done, 409],
          [409, 204],
          [422, 204],
        ]).toContainEqual([sent.status, deleted.status]);
      }
      const { key } = await create();
      await notification((await create()).key);
      await api.send("DELETE", `${path}/${key}`);
      expect([409, 422]).toContain((await send(key)).status);
    }
  });
});
