import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { buildPolicy, defaultPolicy } from "../../domain/policy/policy.ts";
import { type Api, makeKey, sampleTemplate, startApi } from "./harness.ts";

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
beforeEach(async () => {
  await api.prisma.$executeRaw`TRUNCATE policy_versions, audit_entries`;
});
afterAll(() => api.stop());

const patch = (body: unknown, match: string | null = "*", headers = {}) =>
  api.send("PATCH", "/v1/policy", body, {
    ...(match !== null && { "if-match": match }),
    ...headers,
  });

describe("/v1/policy", () => {
  it("is the presets until it is changed", async () => {
    const { status, body, headers } = await api.send("GET", "/v1/policy");
    expect(status).toBe(200);
    expect(body).toEqual({
      version: 0,
      policy: defaultPolicy,
      changes: {},
      createdBy: null,
      createdAt: null,
    });
    expect(headers.get("etag")).toBe('"0"');
    expect((await api.send("GET", "/v1/policy/versions")).body.items).toEqual([]);
    expect((await api.send("GET", "/v1/policy/versions/1")).status).toBe(404);
  });

  it("is changed by a merge patch, and says what differs from the presets", async () => {
    const quietHours = [{ start: "22:00", end: "07:00" }];
    const first = await patch({
      preferences: { batching: { maximumSize: 7 }, quietHours },
      limits: { perMinute: 3 },
    });
    expect(first.status).toBe(200);
    expect(first.headers.get("etag")).toBe('"1"');
    const changes = {
      preferences: { batching: { maximumSize: 7 }, quietHours },
      limits: { perMinute: 3 },
    };
    expect(first.body).toEqual({
      version: 1,
      policy: buildPolicy(changes),
      changes,
      createdBy: "bootstrap",
      createdAt: expect.any(String),
    });
    // What is null takes its preset, and so does what is set to it.
    const second = await patch({
      preferences: { batching: null },
      limits: { perMinute: defaultPolicy.limits.perMinute, perDay: 50 },
    });
    expect(second.body.changes).toEqual({ preferences: { quietHours }, limits: { perDay: 50 } });
    expect((await api.send("GET", "/v1/policy")).body).toEqual(second.body);
    const third = await patch({ preferences: null, limits: null });
    expect(third.body).toMatchObject({ version: 3, policy: defaultPolicy, changes: {} });
  });

  it("makes no version of what changes nothing", async () => {
    await patch({ snoozeMaximumDays: 7 });
    for (const same of [{}, { snoozeMaximumDays: 7 }, { health: {} }, { limits: { perDay: 500 } }])
      expect((await patch(same)).headers.get("etag")).toBe('"1"');
    expect(await api.prisma.policyVersion.count()).toBe(1);
  });

  it("keeps its versions, and the trail what each changed", async () => {
    const { id, secret } = await makeKey(api, { role: "admin" });
    await patch({ snoozeMaximumDays: 7 });
    await patch({ snoozeMaximumDays: 8, deduplicationSeconds: 0 }, "*", {
      authorization: `Bearer ${secret}`,
    });
    const page = await api.send("GET", "/v1/policy/versions?limit=1");
    expect(page.body.items).toEqual([{ version: 2, createdBy: id, createdAt: expect.any(String) }]);
    const next = await api.send("GET", `/v1/policy/versions?cursor=${page.body.nextCursor}`);
    expect(next.body).toEqual({
      items: [{ version: 1, createdBy: "bootstrap", createdAt: expect.any(String) }],
      nextCursor: null,
    });
    expect((await api.send("GET", "/v1/policy/versions/1")).body).toMatchObject({
      version: 1,
      changes: { snoozeMaximumDays: 7 },
      policy: { snoozeMaximumDays: 7, deduplicationSeconds: 300 },
    });
    const { body } = await api.send("GET", "/v1/audit?action=policy.update");
    expect(body.items[0]).toMatchObject({
      actor: id,
      resource: "policy",
      before: { snoozeMaximumDays: 7, deduplicationSeconds: 300 },
      after: { snoozeMaximumDays: 8, deduplicationSeconds: 0 },
    });
  });

  it("is changed only by a caller that has read its latest version", async () => {
    expect((await patch({ snoozeMaximumDays: 7 }, null)).status).toBe(428);
    expect((await patch({ snoozeMaximumDays: 7 }, '"1"')).status).toBe(412);
    const raced = await Promise.all(
      [1, 2, 3].map((snoozeMaximumDays) => patch({ snoozeMaximumDays }, '"0"')),
    );
    expect(raced.map(({ status }) => `${status}`).toSorted()).toEqual(["200", "412", "412"]);
  });

  it("loses no change of 20 at once", async () => {
    const paths = ["perMinute", "perHour", "perDay"];
    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, i) => patch({ limits: { [paths[i % 3]!]: 1_000 + i } })),
    );
    expect(replies.map(({ body }) => Number(body.version)).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 20 }, (_, i) => i + 1),
    );
    // Each was made of the one before.
    const rows = await api.prisma.policyVersion.findMany({ orderBy: { version: "asc" } });
    const counts = rows.map(
      ({ document }) => Object.keys((document as { limits: object }).limits).length,
    );
    expect(counts).toEqual(counts.toSorted((a, b) => a - b));
    expect(counts.at(-1)).toBe(3);
  });

  it.each<[string, object, RegExp]>([
    [
      "/preferences/batching/maximumSize",
      { preferences: { batching: { maximumSize: 1 } } },
      /must be from 2 to 20 messages/,
    ],
    [
      "/preferences/batching/windowMinutes",
      { preferences: { batching: { windowMinutes: 121 } } },
      /must be from 5 to 120 minutes/,
    ],
    ["/preferences/maxPerHour", { preferences: { maxPerHour: 0 } }, /from 1 to 1000 messages/],
    ["/preferences/digest/time", { preferences: { digest: { time: "08:10" } } }, /quarter hour/],
    [
      "/preferences/quietHours/0",
      { preferences: { quietHours: [{ start: "08:00", end: "08:00" }] } },
      /must not end when it starts/,
    ],
    [
      "/preferences/quietHours/0/start",
      { preferences: { quietHours: [{ start: "24:00", end: "08:00" }] } },
      /00:00 to 23:59/,
    ],
    ["/preferences/types", { preferences: { types: {} } }, /is unknown/],
    ["/limits/perMinute", { limits: { perMinute: 0 } }, /from 1 to 10000 messages/],
    ["/limits/burst/seconds", { limits: { burst: { messages: 5 } } }, /required|must be/],
    [
      "/limits/burst/seconds",
      { limits: { burst: { messages: 5, seconds: 3_601 } } },
      /from 1 to 3600 seconds/,
    ],
    [
      "/limits/burst/messages",
      { limits: { burst: { messages: 0, seconds: 10 } } },
      /from 1 to 10000 messages/,
    ],
    ["/deduplicationSeconds", { deduplicationSeconds: 86_401 }, /from 0 to 86400/],
    ["/release/recipientSeconds", { release: { recipientSeconds: -1 } }, /from 0 to 3600/],
    ["/release/channelPerSecond", { release: { channelPerSecond: 0 } }, /from 0.01 to 100000/],
    ["/breaker/failures", { breaker: { failures: 0 } }, /from 1 to 1000/],
    ["/health/memory/warning", { health: { memory: { warning: 1.5 } } }, /from 0 to 1/],
    [
      "/health/deliveryRate/poor",
      { health: { deliveryRate: { poor: 0.99 } } },
      /must not be more than good/,
    ],
    ["/snoozeMaximumDays", { snoozeMaximumDays: 366 }, /from 1 to 365/],
    ["/digest/template", { digest: { template: "nothing" } }, /names no template/],
    ["/unknown", { unknown: null }, /is unknown/],
    ["/limits/perWeek", { limits: { perWeek: null } }, /is unknown/],
    ["", [], /object/],
  ])("refuses a bad %s, and says what it may be", async (field, body, message) => {
    const reply = await patch(body);
    expect(reply.status).toBe(422);
    expect(reply.body.errors).toContainEqual({
      in: "body",
      field,
      message: expect.stringMatching(message),
    });
    if (reply.body.errors.length === 1) expect(reply.body.detail).toMatch(message);
    expect((await api.send("GET", "/v1/policy")).body.version).toBe(0);
  });

  it("sends digests with a template that may be used", async () => {
    await api.send("POST", "/v1/templates", { ...sampleTemplate, key: "our-digest" });
    const { body } = await patch({ digest: { template: "our-digest" } });
    expect(body.policy.digest).toMatchObject({ template: "our-digest", itemsShownPerType: 10 });
    await api.send("POST", "/v1/templates/our-digest/archive");
    expect((await patch({ digest: { itemsShownPerType: 5 } })).body.policy.digest).toEqual({
      template: "our-digest",
      itemsShownPerType: 5,
    });
    expect((await patch({ digest: { template: null } })).body.policy.digest.template).toBeNull();
    expect((await patch({ digest: { template: "our-digest" } })).status).toBe(422);
  });

  it("is changed by admins, and read by viewers", async () => {
    for (const role of ["viewer", "sender"] as const) {
      const { secret } = await makeKey(api, { role });
      const headers = { authorization: `Bearer ${secret}` };
      expect((await patch({}, "*", headers)).status).toBe(403);
      expect((await api.send("GET", "/v1/policy", undefined, headers)).status).toBe(200);
    }
  });
});
