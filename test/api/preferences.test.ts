import { channels } from "../../domain/channel.ts";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { newUuid, parsePublicId } from "../../domain/ids.ts";
import { defaultPolicy } from "../../domain/policy/policy.ts";
import {
  preferencePaths,
  preferenceRanges,
  type Preferences,
  readPath,
} from "../../domain/policy/preferences.ts";
import { weekdays } from "../../domain/time/local-time.ts";
import { queueName, shardOf, waitingDigests } from "../../domain/delivery/queues.ts";
import type { Reason } from "../../domain/delivery/reasons.ts";
import { createTokens } from "../../domain/tokens.ts";
import { type Api, makeKey, type Reply, seed, startApi, tokenSecret } from "./harness.ts";

let api: Api;
/** Ada's id. */
let ada: string;
beforeAll(async () => {
  api = await startApi();
  await seed(api, 2);
});
beforeEach(async () => {
  await api.prisma
    .$executeRaw`TRUNCATE recipients, policy_versions, audit_entries, notifications, open_deliveries, ended_deliveries, groups CASCADE`;
  for (const name of ["ada", "bob"])
    await api.send("PUT", `/v1/recipients/${name}`, { timeZone: "Europe/London" });
  ada = (await api.send("GET", "/v1/recipients/ada")).body.id;
  api.woken.length = 0;
});
afterAll(() => api.stop());

const pathOf = (recipient: string) => `/v1/recipients/${recipient}/preferences`;
const adas = pathOf("ada");

const read = async (query = "", path = adas) => (await api.send("GET", path + query)).body;
const patch = (body: unknown, headers = {}, path = adas): Promise<Reply> =>
  api.send("PATCH", path, body, headers);

describe("the preferences of a recipient", () => {
  it("are the organisation's by default", async () => {
    const reply = await api.send("GET", adas);
    expect(reply.status).toBe(200);
    expect(reply.headers.get("etag")).toBe('"0"');
    expect(reply.body).toMatchObject({
      recipient: ada,
      version: 0,
      timeZone: "Europe/London",
      preferences: {},
      type: null,
    });
    expect(Object.keys(reply.body.effective)).toEqual(preferencePaths);
    for (const path of preferencePaths)
      expect(reply.body.effective[path]).toMatchObject({
        value: readPath(path, defaultPolicy.preferences),
        from: "organisation",
      });
    expect(reply.body.types).toEqual(
      ["habit.reminder", "report.weekly", "security.alert", "task.deadline"].map((key) => ({
        key,
        name: expect.any(String),
        shown: expect.objectContaining({ name: expect.any(String), isListed: true }),
        on: true,
        channels: channels.map((channel) => ({ channel, on: true })),
        from: "type",
        mandatory: key === "security.alert",
      })),
    );
  });

  it("say of each value which layer it comes from, and what it may be", async () => {
    await api.send(
      "PATCH",
      "/v1/policy",
      { preferences: { maxPerHour: 8, batching: { maximumSize: 7 } } },
      { "if-match": "*" },
    );
    const key = `type-${newUuid()}`;
    await api.send("POST", "/v1/notification-types", {
      key,
      name: "A type",
      preferences: {
        maxPerHour: 6,
        batching: { windowMinutes: 60 },
        digest: { mode: "weekly", weekday: "friday" },
      },
    });
    await patch({ digest: { mode: "daily" }, channels: { email: false }, types: { [key]: false } });
    const { effective, type, types } = await read(`?type=${key}`);
    expect(type).toBe(key);
    expect(effective).toMatchObject({
      maxPerHour: { value: 6, from: "type", range: { minimum: 1, maximum: 1_000 } },
      "batching.maximumSize": {
        value: 7,
        from: "organisation",
        range: { minimum: 2, maximum: 20 },
      },
      "batching.windowMinutes": { value: 60, from: "type", range: { minimum: 5, maximum: 120 } },
      "batching.enabled": { value: true, from: "organisation" },
      "digest.mode": { value: "daily", from: "recipient" },
      "digest.weekday": { value: "friday", from: "type" },
      "digest.time": { value: "08:00", from: "organisation" },
      "channels.email": { value: false, from: "recipient" },
      "channels.push": { value: true, from: "organisation" },
    });
    expect(types.find((one: { key: string }) => one.key === key)).toMatchObject({
      on: false,
      from: "recipient",
    });
    // Without the type its layer is not there.
    const { effective: ofAny } = await read();
    expect(ofAny).toMatchObject({
      maxPerHour: { value: 8, from: "organisation" },
      "digest.weekday": { value: "monday", from: "organisation" },
    });
    expect((await api.send("GET", `${adas}?type=nothing`)).body.errors).toEqual([
      {
        in: "query",
        field: "type",
        message: expect.stringContaining("names no notification type"),
      },
    ]);
  });

  it("switch a type off on single channels, and on again", async () => {
    const key = `news.of-${newUuid()}`;
    await api.send("POST", "/v1/notification-types", {
      key,
      name: "News",
      channels: ["email", "push"],
    });
    const one = async () =>
      (await read()).types.find((type: { key: string }) => type.key === key) as object;
    const offByEmail = [
      { channel: "email", on: false },
      { channel: "push", on: true },
    ];
    await patch({ types: { [key]: { email: false } } });
    expect(await one()).toMatchObject({ on: true, from: "recipient", channels: offByEmail });
    await patch({ types: { [key]: { push: false } } });
    expect((await read()).preferences.types[key]).toEqual({ email: false, push: false });
    await patch({ types: { [key]: { push: null } } });
    expect(await one()).toMatchObject({ channels: offByEmail });
    await patch({ types: { [key]: false } });
    expect(await one()).toMatchObject({
      on: false,
      channels: [
        { channel: "email", on: false },
        { channel: "push", on: false },
      ],
    });
    await patch({ types: { [key]: null } });
    expect(await one()).toMatchObject({ on: true, from: "type" });
  });

  it("are changed by a merge patch, whose null takes back what was said", async () => {
    const quietHours = [{ start: "22:00", end: "07:00" }];
    const doNotDisturb = [
      { weekday: "monday", start: "09:00", end: "10:30" },
      { weekday: "monday", start: "14:00", end: "15:00" },
      { weekday: "saturday", start: "20:00", end: "24:00" },
    ];
    const first = await patch({ batching: { maximumSize: 3 }, maxPerHour: 2, quietHours });
    expect(first.headers.get("etag")).toBe('"1"');
    const second = await patch({
      batching: { maximumSize: null, enabled: false },
      maxPerHour: null,
      doNotDisturb,
      types: { "report.weekly": false },
    });
    const said = {
      batching: { enabled: false },
      quietHours,
      doNotDisturb,
      types: { "report.weekly": false },
    };
    expect(second.body).toMatchObject({ version: 2, preferences: said });
    expect(second.body.preferences).toEqual(said);
    expect((await patch({ batching: null, types: { "report.weekly": null } })).body).toMatchObject({
      preferences: { quietHours, doNotDisturb },
      effective: { "batching.enabled": { value: true, from: "organisation" } },
    });
    expect(await read()).toMatchObject({ version: 3, preferences: { quietHours, doNotDisturb } });
  });

  it("are replaced, and taken back as a whole", async () => {
    await patch({ maxPerHour: 2, learning: false });
    const replaced = await api.send("PUT", adas, { maxPerHour: 3, batching: {} });
    expect(replaced.body).toMatchObject({ version: 2 });
    expect(replaced.body.preferences).toEqual({ maxPerHour: 3 });
    expect((await api.send("DELETE", adas)).status).toBe(204);
    expect((await api.send("DELETE", adas)).status).toBe(204);
    expect(await read()).toMatchObject({ version: 3, preferences: {} });
  });

  it("make no version of what changes nothing", async () => {
    await patch({ maxPerHour: 2 });
    for (const same of [{}, { maxPerHour: 2 }, { batching: {} }, { digest: { mode: null } }])
      expect((await patch(same)).headers.get("etag")).toBe('"1"');
    expect(await api.prisma.preferenceVersion.count()).toBe(1);
  });

  it("keep their versions, and the trail what each changed", async () => {
    const { id, secret } = await makeKey(api, { role: "sender" });
    await patch({ maxPerHour: 2 });
    await patch({ maxPerHour: 3 }, { authorization: `Bearer ${secret}` });
    await api.send("DELETE", adas);
    const page = await api.send("GET", `${adas}/versions?limit=2`);
    expect(page.body.items).toEqual([
      { version: 3, createdBy: "bootstrap", createdAt: expect.any(String) },
      { version: 2, createdBy: id, createdAt: expect.any(String) },
    ]);
    const rest = await api.send("GET", `${adas}/versions?cursor=${page.body.nextCursor}`);
    expect(rest.body.items.map(({ version }: { version: number }) => version)).toEqual([1]);
    const said = await Promise.all(
      [1, 2, 3].map(async (n) => (await read("", `${adas}/versions/${n}`)).preferences),
    );
    expect(said).toEqual([{ maxPerHour: 2 }, { maxPerHour: 3 }, {}]);
    expect((await api.send("GET", `${adas}/versions/4`)).status).toBe(404);
    expect((await api.send("GET", `${pathOf("bob")}/versions/1`)).status).toBe(404);
    const { body } = await api.send("GET", `/v1/audit?resource=${ada}&action=preferences`);
    expect(body.items[1]).toMatchObject({
      actor: id,
      action: "preferences.update",
      before: { maxPerHour: 2 },
      after: { maxPerHour: 3 },
    });
  });

  it("may be changed without If-Match, and with it only by a caller that has read their latest version", async () => {
    expect((await patch({ maxPerHour: 2 }, { "if-match": '"1"' })).status).toBe(412);
    expect((await patch({ maxPerHour: 2 }, { "if-match": '"0"' })).status).toBe(200);
    const raced = await Promise.all(
      [3, 4, 5].map((maxPerHour) => patch({ maxPerHour }, { "if-match": '"1"' })),
    );
    expect(raced.map(({ status }) => `${status}`).toSorted()).toEqual(["200", "412", "412"]);
    const old = { "if-match": '"1"' };
    expect((await api.send("PUT", adas, {}, old)).status).toBe(412);
    expect((await api.send("DELETE", adas, undefined, old)).status).toBe(412);
    expect((await patch({ maxPerHour: 6 }, { "if-match": "*" })).status).toBe(200);
  });

  it("are kept in their last hundred versions, and in those by which a delivery was decided", async () => {
    await patch({ maxPerHour: 1 });
    await patch({ maxPerHour: 2 });
    const uuid = parsePublicId("recipient", ada)!;
    await api.send("POST", "/v1/notifications", {
      recipients: ["ada"],
      template: { key: "order-shipped" },
      data: { order: "1" },
    });
    await api.prisma
      .$executeRaw`UPDATE open_deliveries SET preferences_version = 2 WHERE recipient_id = ${uuid}::uuid`;
    for (let count = 3; count <= 104; count += 1)
      if (count % 2 === 0) await patch({ maxPerHour: count });
      else
        await api.send("POST", "/v1/recipients/bulk", {
          recipients: [{ externalId: "ada", preferences: { maxPerHour: count } }],
        });
    const rows = await api.prisma.preferenceVersion.findMany({ orderBy: { version: "asc" } });
    expect(rows.map((row) => row.version)).toEqual([
      2,
      ...Array.from({ length: 100 }, (_, index) => index + 5),
    ]);
    await api.prisma.$executeRaw`DELETE FROM open_deliveries`;
    await patch({ maxPerHour: 500 });
    expect(await api.prisma.preferenceVersion.count()).toBe(100);
  });

  it("switch quiet hours and do-not-disturb off in any layer, and keep their spans", async () => {
    const quietHours = [{ start: "22:00", end: "07:00" }];
    await api.send(
      "PATCH",
      "/v1/policy",
      { preferences: { doNotDisturbEnabled: false } },
      { "if-match": "*" },
    );
    const key = `type-${newUuid()}`;
    await api.send("POST", "/v1/notification-types", {
      key,
      name: "A type",
      preferences: { quietHoursEnabled: false },
    });
    expect((await patch({ quietHours })).status).toBe(200);
    const switches = async (query = "") => {
      const { effective } = await read(query);
      return [effective.quietHoursEnabled, effective.doNotDisturbEnabled];
    };
    const off = (from: string) => ({ value: false, from });
    const on = (from: string) => ({ value: true, from });
    expect(await switches()).toEqual([on("organisation"), off("organisation")]);
    expect(await switches(`?type=${key}`)).toEqual([off("type"), off("organisation")]);
    await patch({ quietHoursEnabled: false, doNotDisturbEnabled: true });
    expect(await switches(`?type=${key}`)).toEqual([off("recipient"), on("recipient")]);
    expect((await read()).preferences).toEqual({
      quietHours,
      quietHoursEnabled: false,
      doNotDisturbEnabled: true,
    });
    await patch({ quietHoursEnabled: null, doNotDisturbEnabled: null });
    expect(await switches()).toEqual([on("organisation"), off("organisation")]);
  });

  it("lose no change of 20 at once", async () => {
    const types = Array.from({ length: 20 }, (_, i) => `one-of-${i}`);
    for (const key of types)
      await api.send("POST", "/v1/notification-types", { key, name: "One of many" });
    // Each changes something, whatever came before it.
    const changes = [
      (i: number) => ({ batching: { windowMinutes: 5 + i } }),
      (i: number) => ({ maxPerHour: 1 + i }),
      (i: number) => ({ digest: { weekday: weekdays[Math.floor(i / 4)] } }),
      (i: number) => ({ types: { [types[i]!]: false } }),
    ];
    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, i) => patch(changes[i % 4]!(i))),
    );
    expect(replies.map(({ status }) => status)).toEqual(Array(20).fill(200));
    const { preferences } = await read();
    const rows = await api.prisma.preferenceVersion.findMany({ orderBy: { version: "asc" } });
    expect(rows.map((row) => row.version)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    expect(rows.at(-1)!.document).toEqual(preferences);
    expect(Object.keys(preferences).toSorted()).toEqual([
      "batching",
      "digest",
      "maxPerHour",
      "types",
    ]);
    // Each was made of the one before: nothing that was said is missing later.
    expect(Object.keys(preferences.types)).toHaveLength(5);
  });

  it.each<[string, Preferences | object, RegExp]>([
    ...Object.entries(preferenceRanges).flatMap(([path, { minimum, maximum, of }]) =>
      [minimum - 1, maximum + 1].map((value): [string, object, RegExp] => [
        `/${path.replace(".", "/")}`,
        path.split(".").reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as object,
        new RegExp(`must be from ${minimum} to ${maximum} ${of}`),
      ]),
    ),
    ["/maxPerHour", { maxPerHour: 2.5 }, /whole number of messages an hour from 1 to 1000/],
    ["/digest/mode", { digest: { mode: "yearly" } }, /"immediate" or "hourly"/],
    ["/digest/time", { digest: { time: "08:20" } }, /quarter hour from 00:00 to 23:45/],
    ["/digest/time", { digest: { time: "24:00" } }, /quarter hour from 00:00 to 23:45/],
    ["/digest/weekday", { digest: { weekday: "Monday" } }, /"monday" or/],
    ["/minimumPriority", { minimumPriority: "none" }, /"critical" or/],
    ["/channels/fax", { channels: { fax: true } }, /is unknown/],
    ["/channels/email", { channels: { email: "yes" } }, /boolean/],
    ["/quietHoursEnabled", { quietHoursEnabled: "no" }, /boolean/],
    ["/doNotDisturbEnabled", { doNotDisturbEnabled: 0 }, /boolean/],
    ["/channelOrder", { channelOrder: ["email", "email"] }, /at most once/],
    ["/quietHours/0/end", { quietHours: [{ start: "22:00", end: "24:01" }] }, /00:00 to 24:00/],
    ["/quietHours/0/start", { quietHours: [{ start: "24:00", end: "07:00" }] }, /00:00 to 23:59/],
    ["/quietHours/0", { quietHours: [{ start: "07:00", end: "07:00" }] }, /00:00 to 24:00/],
    [
      "/quietHours",
      { quietHours: Array(5).fill({ start: "22:00", end: "07:00" }) },
      /at most 4 periods/,
    ],
    [
      "/doNotDisturb/0/weekday",
      { doNotDisturb: [{ start: "22:00", end: "07:00" }] },
      /"monday" or/,
    ],
    [
      "/doNotDisturb",
      { doNotDisturb: Array(51).fill({ weekday: "monday", start: "22:00", end: "07:00" }) },
      /at most 50 periods/,
    ],
    ["/types/nothing", { types: { nothing: false } }, /names no notification type/],
    ["/types/nothing", { types: { nothing: true } }, /names no notification type/],
    ["/types/Not A Key", { types: { "Not A Key": true } }, /a-z/],
    ["/types/security.alert", { types: { "security.alert": false } }, /are mandatory/],
    ["/types/security.alert", { types: { "security.alert": { email: false } } }, /are mandatory/],
    ["/types/report.weekly/fax", { types: { "report.weekly": { fax: true } } }, /is unknown/],
    ["/unknown", { unknown: null }, /is unknown/],
    ["", [], /object/],
  ])("refuse a bad %s, and say what it may be: %j", async (field, body, message) => {
    for (const method of ["PATCH", "PUT"]) {
      const reply = await api.send(method, adas, body);
      expect(reply.status).toBe(422);
      expect(reply.body.errors).toContainEqual({
        in: "body",
        field,
        message: expect.stringMatching(message),
      });
      if (reply.body.errors.length === 1) expect(reply.body.detail).toMatch(message);
    }
    expect((await read()).version).toBe(0);
  });

  it("do not switch off a mandatory type, even if they did before it was mandatory", async () => {
    const key = `type-${newUuid()}`;
    await api.send("POST", "/v1/notification-types", { key, name: "A type" });
    await patch({ types: { [key]: false, "security.alert": true } });
    const one = async () =>
      (await read()).types.find((type: { key: string }) => type.key === key) as object;
    expect(await one()).toMatchObject({ on: false, from: "recipient", mandatory: false });
    await api.send(
      "PATCH",
      `/v1/notification-types/${key}`,
      { mandatory: true },
      { "if-match": "*" },
    );
    expect(await one()).toMatchObject({ on: true, from: "type", mandatory: true });
    // Existing preferences prevent no change, not even when the type is gone.
    expect((await patch({ maxPerHour: 2 })).status).toBe(200);
    await api.send("DELETE", `/v1/notification-types/${key}`);
    expect((await patch({ maxPerHour: 3 })).status).toBe(200);
    const { preferences } = await read();
    expect((await api.send("PUT", adas, { ...preferences, maxPerHour: 4 })).status).toBe(200);
  });

  it("are a 404 of one who is not there, and a 410 of one who was erased", async () => {
    await patch({ maxPerHour: 2 });
    const all = async (path: string) =>
      (
        await Promise.all([
          api.send("GET", path),
          api.send("PATCH", path, { maxPerHour: 3 }),
          api.send("PUT", path, {}),
          api.send("DELETE", path),
          api.send("GET", `${path}/versions`),
          api.send("GET", `${path}/versions/1`),
        ])
      ).map(({ status }) => status);
    expect(await all(pathOf("nobody"))).toEqual(Array(6).fill(404));
    await api.send("DELETE", "/v1/recipients/ada");
    expect(await all(pathOf(ada))).toEqual(Array(6).fill(410));
  });

  it("are gone with their recipient, and so is all that was learnt of them", async () => {
    await patch({ maxPerHour: 2, quietHours: [{ start: "22:00", end: "07:00" }] });
    const id = parsePublicId("recipient", ada)!;
    await api.prisma.recipient.update({ where: { id }, data: { engagedHours: Array(24).fill(1) } });
    await api.prisma.grantLog.create({ data: { recipientId: id, granted: [new Date()] } });
    const group = await groupOf(id);
    await waiting(id, "batch", { group });
    await api.send("DELETE", "/v1/recipients/ada");
    expect(await api.prisma.recipient.findUnique({ where: { id } })).toMatchObject({
      preferences: null,
      engagedHours: [],
    });
    expect(await api.prisma.preferenceVersion.count()).toBe(0);
    expect(await api.prisma.grantLog.count()).toBe(0);
    expect(await api.prisma.group.findUnique({ where: { id: group } })).toMatchObject({
      status: "closed",
      memberCount: 0,
    });
    const trail = await api.send("GET", `/v1/audit?resource=${ada}&action=preferences`);
    expect(trail.body.items).toEqual([expect.objectContaining({ before: null, after: null })]);
  });
});

const later = new Date("2099-01-01T00:00:00Z");

/** A delivery to the recipient that waits; its id. */
async function waiting(
  recipientId: string,
  reason: Reason,
  { queue = "mailbox/1", group = null }: { queue?: string; group?: string | null } = {},
): Promise<string> {
  const [id, notification] = [newUuid(), newUuid()];
  await api.prisma.$executeRaw`
    INSERT INTO notifications (id, template_version_id, send_at) SELECT ${notification}::uuid, id, now() FROM template_versions LIMIT 1`;
  await api.prisma.openDelivery.create({
    data: {
      id,
      notificationId: notification,
      recipientId,
      channel: "email",
      priority: "normal",
      queue,
      reason,
      dueAt: later,
      groupId: group,
    },
  });
  return id;
}

async function groupOf(recipientId: string): Promise<string> {
  const id = newUuid();
  await api.prisma.group.create({
    data: { id, kind: "batch", recipientId, channel: "email", memberCount: 1, closesAt: later },
  });
  return id;
}

describe("what waits", () => {
  const rows = () =>
    api.prisma.delivery.findMany({
      select: { id: true, queue: true, reason: true, dueAt: true },
      orderBy: { id: "asc" },
    });
  const id = () => parsePublicId("recipient", ada)!;
  const mailbox = () => queueName({ kind: "mailbox", shard: shardOf(id(), 4) });

  it.each<[string, () => Promise<Reply>]>([
    ["a patch of preferences", () => patch({ maxPerHour: 2 })],
    ["a put of preferences", () => api.send("PUT", adas, { maxPerHour: 2 })],
    ["another time zone", () => api.send("PUT", "/v1/recipients/ada", { timeZone: "Asia/Tokyo" })],
    [
      "a patch of the time zone",
      () =>
        api.send("PATCH", "/v1/recipients/ada", { timeZone: "Asia/Tokyo" }, { "if-match": "*" }),
    ],
    [
      "a bulk change of the time zone",
      () =>
        api.send("POST", "/v1/recipients/bulk", {
          recipients: [{ externalId: "ada", timeZone: "Asia/Tokyo" }],
        }),
    ],
    [
      "an import with preferences",
      () =>
        api.send(
          "POST",
          "/v1/recipients/import",
          '{"externalId":"ada","timeZone":"Europe/London","preferences":{"maxPerHour":2}}',
          { "content-type": "application/x-ndjson" },
        ),
    ],
  ])("is decided again after %s, and its queue is woken", async (_, change) => {
    const digest = await waiting(id(), "digest", { queue: waitingDigests });
    const batched = await waiting(id(), "batch", { group: await groupOf(id()) });
    const bobs = await waiting(
      parsePublicId("recipient", (await api.send("GET", "/v1/recipients/bob")).body.id)!,
      "quiet_hours",
    );
    expect((await change()).status).toBe(200);
    const now = await rows();
    expect(now.find((row) => row.id === digest)).toMatchObject({
      reason: "decide_again",
      queue: mailbox(),
    });
    expect(now.find((row) => row.id === batched)).toMatchObject({
      reason: "decide_again",
      queue: "mailbox/1",
    });
    expect(now.find((row) => row.id === bobs)).toMatchObject({ reason: "quiet_hours" });
    expect(await api.prisma.group.count({ where: { status: "closed" } })).toBe(1);
    expect(new Set(api.woken)).toEqual(new Set([mailbox(), "mailbox/1"]));
  });

  it.each<[string, () => Promise<Reply>]>([
    ["a patch that changes nothing", () => patch({ maxPerHour: null })],
    ["a refused one", () => patch({ maxPerHour: 0 })],
    [
      "a profile with the same time zone",
      () => api.send("PUT", "/v1/recipients/ada", { timeZone: "Europe/London", locale: "fr" }),
    ],
    [
      "an import of the same",
      () =>
        api.send(
          "POST",
          "/v1/recipients/import",
          '{"externalId":"ada","timeZone":"Europe/London","preferences":{}}',
          { "content-type": "application/x-ndjson" },
        ),
    ],
  ])("goes on waiting after %s", async (_, change) => {
    await waiting(id(), "quiet_hours");
    await change();
    expect(await rows()).toEqual([
      expect.objectContaining({ reason: "quiet_hours", dueAt: later }),
    ]);
    expect(api.woken).toEqual([]);
  });
});

describe("an import of recipients", () => {
  const importing = (...lines: object[]) =>
    api.send(
      "POST",
      "/v1/recipients/import",
      lines.map((line) => JSON.stringify(line)).join("\n"),
      {
        "content-type": "application/x-ndjson",
      },
    );

  it("may contain preferences, and otherwise keeps them", async () => {
    await patch({ maxPerHour: 9 });
    const { body } = await importing(
      { externalId: "ada", locale: "fr" },
      { externalId: "bob", preferences: { digest: { mode: "daily" }, batching: {} } },
      { externalId: "new", preferences: { maxPerHour: 3, types: { "report.weekly": false } } },
      { externalId: "plain" },
    );
    expect(body).toMatchObject({ imported: 4, failed: 0 });
    expect(await read()).toMatchObject({ version: 1, preferences: { maxPerHour: 9 } });
    const bob = await read("", pathOf("bob"));
    expect(bob.preferences).toEqual({ digest: { mode: "daily" } });
    expect(await read("", pathOf("new"))).toMatchObject({
      version: 1,
      preferences: { maxPerHour: 3, types: { "report.weekly": false } },
    });
    expect(await read("", pathOf("plain"))).toMatchObject({ version: 0, preferences: {} });
    await importing(
      { externalId: "new", preferences: { maxPerHour: 4, digest: null, quietHoursEnabled: false } },
      { externalId: "bob", preferences: {} },
    );
    expect(await read("", pathOf("new"))).toMatchObject({
      version: 2,
      preferences: {
        maxPerHour: 4,
        quietHoursEnabled: false,
        types: { "report.weekly": false },
      },
    });
    expect(await read("", pathOf("bob"))).toMatchObject({ version: 1 });
    await importing(
      { externalId: "new", preferences: null },
      { externalId: "plain", preferences: {} },
    );
    expect((await read("", pathOf("new"))).preferences).toEqual({});
    const versions = await api.send("GET", `${pathOf("new")}/versions`);
    expect(versions.body.items).toMatchObject([
      { version: 3, createdBy: "bootstrap" },
      { version: 2, createdBy: "bootstrap" },
      { version: 1, createdBy: "bootstrap" },
    ]);
    expect(await read("", pathOf("plain"))).toMatchObject({ version: 0, preferences: {} });
  });

  it("reports invalid preferences, and keeps the good lines", async () => {
    const { body } = await importing(
      { externalId: "a", preferences: { batching: { maximumSize: 21 } } },
      { externalId: "b", preferences: { types: { nothing: true } } },
      { externalId: "c", preferences: { types: { "security.alert": false } } },
      { externalId: "d", preferences: { maxPerHour: 1 } },
    );
    expect(body).toMatchObject({ imported: 1, failed: 3 });
    expect(body.errors).toEqual([
      {
        line: 1,
        field: "/preferences/batching/maximumSize",
        message: "must be from 2 to 20 messages",
      },
      {
        line: 2,
        field: "/preferences/types/nothing",
        message: expect.stringContaining("names no notification type"),
      },
      {
        line: 3,
        field: "/preferences/types/security.alert",
        message: expect.stringContaining("mandatory"),
      },
    ]);
  });

  it("keeps one version for each change, however two meet", async () => {
    const people = Array.from({ length: 50 }, (_, i) => `raced-${i}`);
    const wish = (maxPerHour: number) => (externalId: string) => ({
      externalId,
      preferences: { maxPerHour },
    });
    await Promise.all([
      importing(...people.map(wish(1))),
      importing(...people.toReversed().map(wish(2))),
      api.send("POST", "/v1/recipients/bulk", { recipients: people.map(wish(3)) }),
    ]);
    const recipients = await api.prisma.recipient.findMany({
      where: { externalId: { startsWith: "raced-" } },
      include: { preferenceVersions: { orderBy: { version: "desc" } } },
    });
    expect(recipients).toHaveLength(50);
    for (const { preferences, preferencesVersion, preferenceVersions } of recipients)
      expect(preferenceVersions[0]).toMatchObject({
        version: preferencesVersion,
        document: preferences as object,
      });
  });
});

describe("a recipient's token", () => {
  const issue = (body?: unknown, recipient = "ada") =>
    api.send("POST", `/v1/recipients/${recipient}/preference-tokens`, body);
  const mine = "/v1/me/preferences";
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

  it("lets its holder read and change their own preferences, and the trail says who it was", async () => {
    const { status, body } = await issue();
    expect(status).toBe(201);
    expect(Date.parse(body.expiresAt) - Date.now()).toBeCloseTo(30 * 86_400_000, -4);
    const as = bearer(body.token);
    expect((await api.send("GET", mine, undefined, as)).body).toEqual(await read());
    const changed = await api.send(
      "PATCH",
      mine,
      { maxPerHour: 2, doNotDisturbEnabled: false },
      as,
    );
    expect(changed.headers.get("etag")).toBe('"1"');
    expect((await api.send("GET", `${mine}?type=task.deadline`, undefined, as)).body).toEqual(
      await read("?type=task.deadline"),
    );
    expect((await read()).preferences).toEqual({ maxPerHour: 2, doNotDisturbEnabled: false });
    expect((await api.send("PUT", mine, {}, { ...as, "if-match": '"0"' })).status).toBe(412);
    expect((await api.send("PUT", mine, { maxPerHour: 5 }, as)).body.version).toBe(2);
    expect((await api.send("DELETE", mine, undefined, as)).status).toBe(204);
    expect(await read()).toMatchObject({ version: 3, preferences: {} });
    expect((await read("", pathOf("bob"))).version).toBe(0);
    const versions = await api.send("GET", `${adas}/versions`);
    expect(versions.body.items.map((row: { createdBy: string }) => row.createdBy)).toEqual(
      Array(3).fill("recipient"),
    );
    const trail = await api.send("GET", `/v1/audit?resource=${ada}&action=preferences`);
    expect(
      trail.body.items.map(({ actor, action }: Record<string, string>) => [actor, action]),
    ).toEqual([
      ...Array(3).fill(["recipient", "preferences.update"]),
      ["bootstrap", "preferences.issue_token"],
    ]);
  });

  it("is held to the same ranges and to mandatory types", async () => {
    const as = bearer((await issue()).body.token);
    for (const body of [{ batching: { maximumSize: 21 } }, { types: { "security.alert": false } }])
      expect((await api.send("PATCH", mine, body, as)).status).toBe(422);
  });

  it("is of no use for others, nor anywhere else", async () => {
    const as = bearer((await issue()).body.token);
    await api.send("PATCH", mine, { maxPerHour: 2 }, as);
    expect((await read("", pathOf("bob"))).version).toBe(0);
    for (const path of [adas, pathOf("bob"), "/v1/recipients/ada", "/v1/policy"])
      expect((await api.send("GET", path, undefined, as)).status).toBe(401);
    expect((await api.send("GET", `${mine}?recipient=bob`, undefined, as)).status).toBe(422);
  });

  it("expires, and ends with its recipient", async () => {
    const recipientId = parsePublicId("recipient", ada)!;
    const expired = await createTokens([tokenSecret]).signRecipientToken({
      recipientId,
      expiresAt: new Date(Date.now() - 1_000),
    });
    const refused = await api.send("GET", mine, undefined, bearer(expired));
    expect(refused.status).toBe(401);
    expect(refused.body.detail).toContain("expired");
    const { token } = (await issue()).body;
    await api.send("DELETE", "/v1/recipients/ada");
    expect((await api.send("GET", mine, undefined, bearer(token))).status).toBe(410);
    expect((await api.send("PATCH", mine, { maxPerHour: 2 }, bearer(token))).status).toBe(410);
    expect((await issue(undefined, ada)).status).toBe(410);
    expect((await issue(undefined, "nobody")).status).toBe(404);
    const nobody = { recipientId: newUuid(), expiresAt: new Date(Date.now() + 60_000) };
    const token2 = await createTokens([tokenSecret]).signRecipientToken(nobody);
    expect((await api.send("GET", mine, undefined, bearer(token2))).status).toBe(404);
  });

  it.each([
    [{ expiresInSeconds: 59 }],
    [{ expiresInSeconds: 90 * 86_400 + 1 }],
    [{ expiresInSeconds: 100.5 }],
  ])("is good for a minute to 90 days: not for %j", async (body) => {
    const reply = await issue(body);
    expect(reply.status).toBe(422);
    expect(reply.body.detail).toContain("from 60 to 7776000");
  });

  it("is good for as long as was asked", async () => {
    const { body } = await issue({ expiresInSeconds: 90 * 86_400 });
    const claims = JSON.parse(
      Buffer.from(body.token.split(".")[1], "base64url").toString(),
    ) as Record<string, unknown>;
    expect(claims).toMatchObject({
      sub: ada,
      exp: Date.parse(body.expiresAt) / 1_000,
    });
  });

  it("is given by senders", async () => {
    const { secret } = await makeKey(api, { role: "viewer" });
    const headers = { authorization: `Bearer ${secret}` };
    const path = "/v1/recipients/ada/preference-tokens";
    expect((await api.send("POST", path, {}, headers)).status).toBe(403);
    expect((await api.send("PATCH", adas, {}, headers)).status).toBe(403);
    expect((await api.send("GET", adas, undefined, headers)).status).toBe(200);
  });
});
