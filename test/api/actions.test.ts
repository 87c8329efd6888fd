import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { RecipientAction } from "../../domain/action.ts";
import { newUuid, parsePublicId, publicId } from "../../domain/ids.ts";
import { createActionLinks } from "../../domain/action-links.ts";
import { shardOf } from "../../domain/delivery/queues.ts";
import { type ActionTarget, createTokens } from "../../domain/tokens.ts";
import { advanceCampaign } from "../support/campaign-worker.ts";
import { type Api, sampleTemplate, seed, startApi, tokenSecret } from "./harness.ts";

let api: Api;
beforeAll(async () => {
  api = await startApi();
  await seed(api, 4);
});
beforeEach(async () => {
  await api.prisma
    .$executeRaw`TRUNCATE open_deliveries, ended_deliveries, earlier_attempts, notifications, campaigns, groups, events, policy_versions, audit_entries CASCADE`;
  await api.prisma
    .$executeRaw`UPDATE recipients SET engaged_hours = '{}', preferences = NULL, erased_at = NULL, time_zone = 'UTC'`;
  api.woken.length = 0;
});
afterAll(() => api.stop());

const tokens = createTokens([tokenSecret]);
const inAnHour = () => new Date(Date.now() + 3_600_000);
const tokenFor = (target: ActionTarget, action: RecipientAction, expiresAt = inAnHour()) =>
  tokens.signActionToken({ target, action, expiresAt });
const snooze = (minutes = 60) => ({ action: "snooze", minutes }) as const;
const complete = { action: "complete" } as const;
const look = { action: "view", url: "https://tasks.example.org/17?from=mail" } as const;

const browser = {
  accept: "text/html,application/xhtml+xml,*/*;q=0.8",
  "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0",
};
const get = async (token: string, headers: Record<string, string> = browser, method = "GET") =>
  api.app.request(`/a/${token}`, { method, headers });
const press = async (token: string, headers: Record<string, string> = {}) =>
  api.app.request(`/a/${token}`, { method: "POST", headers });
const act = async (token: string) => {
  const response = await api.app.request("/v1/actions", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ token }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};

/** Inserts deliveries of one notification, puts them into the given state, and returns their UUIDs. */
async function owed(
  state: "sent" | "pending" | "failed" | "cancelled" | "sending",
  { recipients = ["u0"], entityId = null as string | null, priority = "normal" } = {},
): Promise<string[]> {
  const { body } = await api.send("POST", "/v1/notifications", {
    recipients,
    template: { key: sampleTemplate.key },
    data: { order: "A-17" },
    priority,
  });
  const notification = parsePublicId("notification", body.id)!;
  const ended = state !== "pending" && state !== "sending";
  await api.prisma.$executeRaw`
    UPDATE deliveries SET status = ${state}::text::delivery_status, attempt_count = 1, due_at = CASE WHEN ${ended} THEN NULL ELSE due_at END,
      reason = CASE ${state} WHEN 'failed' THEN 'provider_rejected' WHEN 'cancelled' THEN 'delivery_cancelled' END,
      lease_until = CASE ${state} WHEN 'sending' THEN now() + interval '1 minute' END, finished_at = CASE WHEN ${ended} THEN now() - interval '1 minute' END
    WHERE notification_id = ${notification}::uuid`;
  await api.prisma.notification.update({ where: { id: notification }, data: { entityId } });
  const rows = await api.prisma.delivery.findMany({
    where: { notificationId: notification },
    orderBy: { id: "asc" },
  });
  api.woken.length = 0;
  return rows.map(({ id }) => id);
}

async function recipientOf(id: string): Promise<string> {
  return (await api.prisma.delivery.findUniqueOrThrow({ where: { id } })).recipientId;
}

/** Inserts a sent batch of deliveries to one recipient. */
async function grouped(members: readonly string[], status = "closed"): Promise<string> {
  const id = newUuid();
  await api.prisma.$executeRaw`
    INSERT INTO groups (id, kind, recipient_id, channel, priority, status, member_count, closes_at)
    VALUES (${id}::uuid, 'batch', ${await recipientOf(members[0]!)}::uuid, 'email', 'normal', ${status}::text::group_status, ${members.length}, now())`;
  await api.prisma
    .$executeRaw`UPDATE deliveries SET group_id = ${id}::uuid WHERE id = ANY(${[...members]}::uuid[])`;
  return id;
}

const rows = () => api.prisma.delivery.findMany({ orderBy: [{ leg: "asc" }, { id: "asc" }] });
const events = () => api.prisma.event.findMany({ orderBy: { id: "asc" } });
const kinds = async () => (await events()).map(({ kind }) => kind);
const expectSoon = (at: Date | null, minutes: number) =>
  expect(Math.abs(at!.getTime() - Date.now() - minutes * 60_000)).toBeLessThan(60_000);

describe("an action", () => {
  const acted = async () =>
    (
      await api.prisma.engagement.findMany({
        where: { actedAt: { not: null }, readAt: { not: null }, seenAt: { not: null } },
      })
    ).map(({ deliveryId }) => deliveryId);

  it("shows that the recipient has seen, read and acted on the message", async () => {
    for (const [action, perform] of [
      [look, get],
      [snooze(), press],
      [complete, press],
    ] as const) {
      await api.prisma.engagement.deleteMany();
      const [delivery] = await owed("sent");
      // No person follows a link a moment after the hand-over.
      await api.pool.query(
        "UPDATE ended_deliveries SET finished_at = now() - interval '1 minute' WHERE id = $1",
        [delivery],
      );
      await perform(await tokenFor({ delivery: delivery! }, action));
      expect([action, await acted()]).toEqual([action, [delivery]]);
    }
  });

  it("of a machine shows nothing", async () => {
    await api.prisma.engagement.deleteMany();
    const [delivery] = await owed("sent");
    await get(await tokenFor({ delivery: delivery! }, look), { "user-agent": "curl/8.5.0" });
    expect(await acted()).toEqual([]);
  });
});

describe("a link to view something", () => {
  it("redirects to its target, and is recorded once, with the hour if learning is allowed", async () => {
    await api.prisma
      .$executeRaw`UPDATE recipients SET time_zone = 'Asia/Kolkata' WHERE external_id = 'u0'`;
    const [id] = await owed("sent");
    const token = await tokenFor({ delivery: id! }, look);
    const before = new Date();
    for (let i = 0; i < 3; i++) {
      const response = await get(token);
      expect(response.status).toBe(302);
      expect(response.headers.get("location")).toBe(look.url);
      expect(response.headers.get("cache-control")).toBe("no-store");
    }
    const after = new Date();
    const [event, ...more] = await events();
    expect(more).toEqual([]);
    const recipientId = await recipientOf(id!);
    expect(event).toMatchObject({ kind: "delivery.viewed", deliveryId: id, recipientId, data: {} });
    const { engagedHours } = await api.prisma.recipient.findUniqueOrThrow({
      where: { id: recipientId },
    });
    const hourIn = (at: Date) => new Date(at.getTime() + 5.5 * 3_600_000).getUTCHours();
    const expected = (hour: number) => Array.from({ length: 24 }, (_, i) => (i === hour ? 1 : 0));
    expect([expected(hourIn(before)), expected(hourIn(after))]).toContainEqual(engagedHours);
    await get(await tokenFor({ delivery: id! }, look, new Date(Date.now() + 7_200_000)));
    const again = await api.prisma.recipient.findUniqueOrThrow({ where: { id: recipientId } });
    expect(again.engagedHours.reduce((sum, count) => sum + count)).toBe(2);
    expect(again.version).toBe(1);
  });

  it.each([
    ["the organisation", { policy: false, recipient: null, type: null }, false],
    ["the recipient", { policy: true, recipient: false, type: null }, false],
    ["the type", { policy: true, recipient: null, type: false }, false],
    ["nobody", { policy: null, recipient: null, type: null }, true],
    [
      "a recipient who wants it, whatever others say,",
      { policy: false, recipient: true, type: false },
      true,
    ],
  ])("is used for learning unless it is switched off, by: %s", async (_, says, learns) => {
    const [id] = await owed("sent");
    if (says.policy !== null)
      await api.prisma.$executeRaw`
        INSERT INTO policy_versions (version, document, created_by) VALUES (1, ${{ preferences: { learning: says.policy } }}, 'a test')`;
    if (says.recipient !== null)
      await api.prisma
        .$executeRaw`UPDATE recipients SET preferences = ${{ learning: says.recipient }}`;
    if (says.type !== null)
      await api.prisma.$executeRaw`
        WITH made AS (
          INSERT INTO notification_types (id, key, document)
          SELECT ${newUuid()}::uuid, ${`type-${newUuid()}`}, document || ${{ preferences: { learning: says.type } }} FROM notification_types WHERE key = 'task.deadline'
          RETURNING id
        )
        UPDATE notifications SET type_id = made.id FROM made`;
    await get(await tokenFor({ delivery: id! }, look));
    expect(await kinds()).toEqual(["delivery.viewed"]);
    const { engagedHours } = await api.prisma.recipient.findUniqueOrThrow({
      where: { id: await recipientOf(id!) },
    });
    expect(engagedHours.length > 0).toBe(learns);
  });

  it.each([
    ["a browser that looks ahead", { "sec-purpose": "prefetch" }],
    ["a mail filter", { "user-agent": "Mozilla/5.0 (compatible; SafeLinks)" }],
    ["a program", { "user-agent": "curl/8.14.1" }],
  ])("is recorded as automated for %s, and not used for learning", async (_, headers) => {
    const [id] = await owed("sent");
    const token = await tokenFor({ delivery: id! }, look);
    const learnt = async () => {
      const { engagedHours } = await api.prisma.recipient.findUniqueOrThrow({
        where: { id: await recipientOf(id!) },
      });
      return engagedHours.reduce((sum, count) => sum + count, 0);
    };
    for (let i = 0; i < 2; i++)
      expect((await get(token, { ...browser, ...headers })).headers.get("location")).toBe(look.url);
    expect(await learnt()).toBe(0);
    // A later request by the person is still recorded and used for learning.
    await get(token);
    expect(await learnt()).toBe(1);
    const { body } = await api.send("GET", "/v1/events?sort=createdAt");
    expect(body.items.map(({ automated }: { automated: boolean }) => automated)).toEqual([
      true,
      false,
    ]);
  });

  it("is recorded as automated a second after the hand-over, whatever the user agent", async () => {
    const [id] = await owed("sent");
    await api.prisma.$executeRaw`UPDATE deliveries SET finished_at = now() - interval '1 second'`;
    await get(await tokenFor({ delivery: id! }, look));
    expect((await events())[0]).toMatchObject({ data: { automated: true } });
  });

  it("of a group is recorded for each member, and used for learning once", async () => {
    const members = [await owed("sent"), await owed("sent")].flat();
    const token = await tokenFor({ group: await grouped(members) }, look);
    await Promise.all(Array.from({ length: 5 }, () => get(token)));
    const noted = (await events()).map(({ deliveryId }) => deliveryId);
    expect(noted).toHaveLength(2);
    expect(new Set(noted)).toEqual(new Set(members));
    const { engagedHours } = await api.prisma.recipient.findUniqueOrThrow({
      where: { id: await recipientOf(members[0]!) },
    });
    expect(engagedHours.reduce((sum, count) => sum + count)).toBe(1);
  });

  it("redirects even if the delivery is gone or the event cannot be written", async () => {
    const gone = await get(await tokenFor({ delivery: newUuid() }, look));
    expect([gone.status, gone.headers.get("location")]).toEqual([302, look.url]);
    const [id] = await owed("sent");
    await api.prisma.$executeRaw`ALTER TABLE events RENAME TO elsewhere`;
    try {
      const response = await get(await tokenFor({ delivery: id! }, look));
      expect([response.status, response.headers.get("location")]).toEqual([302, look.url]);
    } finally {
      await api.prisma.$executeRaw`ALTER TABLE elsewhere RENAME TO events`;
    }
    expect(await events()).toEqual([]);
  });

  it("is not recorded for a HEAD request", async () => {
    const [id] = await owed("sent");
    const response = await get(await tokenFor({ delivery: id! }, look), {}, "HEAD");
    expect([response.status, response.headers.get("location")]).toEqual([302, look.url]);
    expect(await events()).toEqual([]);
  });

  it("redirects only to the signed target", async () => {
    const [id] = await owed("sent");
    const [header, payload, signature] = (await tokenFor({ delivery: id! }, look)).split(".");
    const claims = JSON.parse(Buffer.from(payload!, "base64url").toString());
    claims.act.url = "https://evil.example.org/";
    const forged = Buffer.from(JSON.stringify(claims)).toString("base64url");
    for (const token of [
      `${header}.${forged}.${signature}`,
      await createTokens([`${tokenSecret}!`]).signActionToken({
        target: { delivery: id! },
        action: { action: "view", url: "https://evil.example.org/" },
        expiresAt: inAnHour(),
      }),
    ]) {
      const response = await get(token);
      expect([response.status, response.headers.get("location")]).toEqual([404, null]);
    }
    const response = await get(`${header}.${payload}.${signature}?url=https://evil.example.org/`);
    expect([response.status, response.headers.get("location")]).toEqual([302, look.url]);
  });
});

describe("a link to snooze or complete", () => {
  it("shows its pages in the recipient's language, and in the browser's if it leads to nobody", async () => {
    const [id] = await owed("sent");
    const recipientId = await recipientOf(id!);
    const setLocale = (locale: string) =>
      api.prisma.recipient.update({ where: { id: recipientId }, data: { locale } });
    const text = async (response: Response | Promise<Response>) => (await response).text();
    await setLocale("de-AT");
    const german = await tokenFor({ delivery: id! }, snooze(180));
    expect(await text(get(german))).toMatch(/<html lang="de">[^]*in 3 Stunden noch einmal/);
    expect(await text(press(await tokenFor({ delivery: id! }, complete), browser))).toContain(
      "als erledigt markiert",
    );
    const refused = await press(german, browser);
    expect([refused.status, await refused.text()]).toEqual([
      409,
      expect.stringContaining("Keine Erinnerung gesetzt"),
    ]);
    await setLocale("en");
    const spanish = { ...browser, "accept-language": "ja, es-MX;q=0.8, en;q=0.5" };
    for (const [path, status] of [
      ["/a/broken", 404],
      ["/a/not~valid", 422],
      ["/u/broken", 404],
    ] as const) {
      const page = await api.app.request(path, { headers: spanish });
      expect([path, page.status, await page.text()]).toEqual([
        path,
        status,
        expect.stringMatching(/<html lang="es">[^]*No ha funcionado/),
      ]);
    }
  });

  it("asks for confirmation: following it changes nothing", async () => {
    const [id] = await owed("pending");
    const before = await rows();
    for (const action of [snooze(), complete]) {
      const response = await get(await tokenFor({ delivery: id! }, action));
      expect(response.status).toBe(200);
      const page = await response.text();
      expect(page).toMatch(/<form method="post"\s*>/);
      expect(page.replace(/<style>[^<]*<\/style>/, "")).not.toMatch(/<script|http|@|A-17|N0/);
      const policy = response.headers.get("content-security-policy")!;
      expect(policy).toContain("default-src 'none'");
      expect(policy).not.toContain("unsafe");
      expect(response.headers.get("referrer-policy")).toBe("no-referrer");
    }
    expect(await rows()).toEqual(before);
    expect(await events()).toEqual([]);
    expect(api.woken).toEqual([]);
  });

  it("is confirmed by its button, and shows a page about it", async () => {
    const [id] = await owed("sent");
    const response = await press(await tokenFor({ delivery: id! }, snooze()), {
      ...browser,
      "content-type": "application/x-www-form-urlencoded",
    });
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toContain("text/html");
    expect(await response.text()).toContain("You will receive this message again later.");
    expect(await kinds()).toEqual(["delivery.snoozed"]);
  });

  it("answers a client with JSON, by either path", async () => {
    const [id] = await owed("sent");
    const token = await tokenFor({ delivery: id! }, complete);
    const expected = { action: "complete", deliveries: 1, until: null, url: null };
    expect(await (await press(token)).json()).toEqual(expected);
    expect(await act(token)).toEqual({ status: 200, body: expected });
    const view = await tokenFor({ delivery: id! }, look);
    expect(await act(view)).toEqual({
      status: 200,
      body: { action: "view", deliveries: 1, until: null, url: look.url },
    });
    expect((await press(view, browser)).headers.get("location")).toBe(look.url);
  });
});

describe("a snooze", () => {
  it("of a sent message is a new delivery, due later, and wakes its queue", async () => {
    const [id] = await owed("sent");
    const { body } = await act(await tokenFor({ delivery: id! }, snooze(90)));
    expect(body).toMatchObject({ action: "snooze", deliveries: 1 });
    const [primary, again, ...more] = await rows();
    expect(more).toEqual([]);
    expect(primary).toMatchObject({ id, status: "sent", leg: "primary" });
    const queue = `mailbox/${shardOf(primary!.recipientId, 4)}`;
    expect(again).toMatchObject({
      notificationId: primary!.notificationId,
      recipientId: primary!.recipientId,
      leg: "snooze:1",
      status: "pending",
      reason: "snoozed",
      queue,
      priority: "normal",
      channel: "email",
      groupId: null,
      holdCount: 0,
    });
    expectSoon(again!.dueAt, 90);
    expect(again!.dueAt!.toISOString()).toBe(body["until"]);
    expect(api.woken).toEqual([queue]);
    const [event] = await events();
    expect(event).toMatchObject({
      kind: "delivery.snoozed",
      deliveryId: id,
      data: { until: body["until"] },
    });
    // The event has to be published.
    expect(event!.dueAt).not.toBeNull();
  });

  it("of a snoozed message creates another delivery", async () => {
    const [id] = await owed("sent");
    await act(await tokenFor({ delivery: id! }, snooze()));
    await api.prisma
      .$executeRaw`UPDATE deliveries SET status = 'sent', due_at = NULL, reason = NULL`;
    const again = (await rows())[1]!.id;
    await act(await tokenFor({ delivery: again }, snooze()));
    expect((await rows()).map(({ leg, status }) => [leg, status])).toEqual([
      ["primary", "sent"],
      ["snooze:1", "sent"],
      ["snooze:2", "pending"],
    ]);
    // The first message still has another link.
    const late = await act(await tokenFor({ delivery: id! }, snooze(5)));
    expect(late).toMatchObject({ status: 409, body: { type: "urn:tidings:problem:conflict" } });
    expect(await rows()).toHaveLength(3);
  });

  it("of a waiting delivery moves it, also out of its group", async () => {
    const members = [await owed("pending"), await owed("pending")].flat();
    const group = await grouped(members, "open");
    await api.prisma
      .$executeRaw`UPDATE deliveries SET reason = 'digest', hold_count = 3, queue = 'digest/waiting'`;
    await act(await tokenFor({ delivery: members[0]! }, snooze(30)));
    const [moved, other] = (await rows()).sort(
      (a, b) => members.indexOf(a.id) - members.indexOf(b.id),
    );
    expect(moved).toMatchObject({
      reason: "snoozed",
      groupId: null,
      holdCount: 0,
      status: "pending",
    });
    expect(moved!.queue).toBe(`mailbox/${shardOf(moved!.recipientId, 4)}`);
    expectSoon(moved!.dueAt, 30);
    expect(other).toMatchObject({ reason: "digest", groupId: group });
    const kept = await api.prisma.group.findUniqueOrThrow({ where: { id: group } });
    expect(kept).toMatchObject({ memberCount: 1, status: "open" });
    await act(await tokenFor({ delivery: members[1]! }, snooze(30)));
    expect(await api.prisma.group.findUniqueOrThrow({ where: { id: group } })).toMatchObject({
      memberCount: 0,
      status: "closed",
    });
  });

  it("of a snoozed delivery that waits replaces its time", async () => {
    const [id] = await owed("sent");
    await act(await tokenFor({ delivery: id! }, snooze(60)));
    await act(await tokenFor({ delivery: id! }, snooze(600)));
    const all = await rows();
    expect(all).toHaveLength(2);
    expectSoon(all[1]!.dueAt, 600);
    expect(await kinds()).toEqual(["delivery.snoozed", "delivery.snoozed"]);
  });

  it("is not longer than the organisation allows", async () => {
    await api.prisma
      .$executeRaw`INSERT INTO policy_versions (version, document, created_by) VALUES (1, '{"snoozeMaximumDays": 2}', 'a test')`;
    const [id] = await owed("sent");
    await act(await tokenFor({ delivery: id! }, snooze(30 * 1_440)));
    expectSoon((await rows())[1]!.dueAt, 2 * 1_440);
  });

  it("of a critical message stays in a critical queue", async () => {
    const [id] = await owed("sent", { priority: "critical" });
    await act(await tokenFor({ delivery: id! }, snooze()));
    const again = (await rows())[1]!;
    expect(again.queue).toBe(`critical/${shardOf(again.recipientId, 4)}`);
    expect(api.woken).toEqual([again.queue]);
  });

  it("of all members of a group happens once, however many requests arrive at once", async () => {
    const members = [await owed("sent"), await owed("sent"), await owed("sent")].flat();
    const token = await tokenFor({ group: await grouped(members) }, snooze());
    const answers = await Promise.all(Array.from({ length: 20 }, () => act(token)));
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(answers[0]).toMatchObject({ status: 200, body: { action: "snooze", deliveries: 3 } });
    const again = (await rows()).filter(({ leg }) => leg !== "primary");
    expect(again.map(({ leg }) => leg)).toEqual(["snooze:1", "snooze:1", "snooze:1"]);
    expect(new Set(again.map(({ dueAt }) => dueAt!.toISOString()))).toEqual(
      new Set([answers[0]!.body["until"]]),
    );
    expect(await kinds()).toEqual(Array.from({ length: 3 }, () => "delivery.snoozed"));
  });

  it("and a completion at the same moment leave no snoozed delivery", async () => {
    for (let i = 0; i < 10; i++) {
      const [id] = await owed("sent");
      const put = await tokenFor({ delivery: id! }, snooze());
      const done = await tokenFor({ delivery: id! }, complete);
      await Promise.all([act(put), act(done)]);
      expect(await api.prisma.delivery.count({ where: { dueAt: { not: null } } })).toBe(0);
    }
  });

  it("is refused for a cancelled or completed delivery", async () => {
    const [cancelled] = await owed("cancelled");
    const [done] = await owed("sent");
    await act(await tokenFor({ delivery: done! }, complete));
    for (const id of [cancelled, done]) {
      const token = await tokenFor({ delivery: id! }, snooze());
      expect(await act(token)).toMatchObject({ status: 409 });
      const page = await press(token, browser);
      expect([page.status, page.headers.get("content-type")]).toEqual([
        409,
        "text/html; charset=utf-8",
      ]);
    }
    expect(await kinds()).toEqual(["delivery.completed"]);
    expect(await rows()).toHaveLength(2);
  });
});

describe("a completion", () => {
  it("is recorded once, with its entity, and ends waiting deliveries", async () => {
    const [id] = await owed("sent", { entityId: "task-17" });
    await act(await tokenFor({ delivery: id! }, snooze()));
    const token = await tokenFor({ delivery: id! }, complete);
    const answers = await Promise.all(Array.from({ length: 10 }, () => act(token)));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200));
    await act(await tokenFor({ delivery: id! }, complete, new Date(Date.now() + 7_200_000)));
    const completed = (await events()).filter(({ kind }) => kind === "delivery.completed");
    expect(completed).toMatchObject([{ deliveryId: id, data: { entityId: "task-17" } }]);
    const [primary, again] = await rows();
    expect(primary!.status).toBe("sent");
    expect(again).toMatchObject({ status: "cancelled", reason: "completed", dueAt: null });
    expect(again!.finishedAt).not.toBeNull();
  });

  it("of a group is recorded for each member", async () => {
    const members = [
      await owed("sent", { entityId: "a" }),
      await owed("sent", { entityId: "b" }),
      await owed("pending"),
    ].flat();
    await act(await tokenFor({ group: await grouped(members) }, complete));
    expect((await events()).map(({ deliveryId, data }) => [deliveryId, data])).toEqual(
      expect.arrayContaining([
        [members[0], { entityId: "a" }],
        [members[1], { entityId: "b" }],
        [members[2], { entityId: null }],
      ]),
    );
    expect((await rows()).map(({ status }) => status).sort()).toEqual([
      "cancelled",
      "sent",
      "sent",
    ]);
  });

  it("leaves deliveries that are being handed over", async () => {
    const [id] = await owed("sending");
    expect(await act(await tokenFor({ delivery: id! }, complete))).toMatchObject({ status: 200 });
    expect((await rows())[0]).toMatchObject({ status: "sending" });
  });
});

describe("an invalid token", () => {
  const useless: [string, number, string, () => Promise<string>][] = [
    ["expired", 410, "expired", () => tokenFor({ delivery: newUuid() }, complete, new Date(0))],
    [
      "of something that is not kept",
      410,
      "expired",
      () => tokenFor({ delivery: newUuid() }, complete),
    ],
    ["of an empty group", 410, "expired", () => tokenFor({ group: newUuid() }, snooze())],
    [
      "of another purpose",
      404,
      "not-found",
      () => tokens.signRecipientToken({ recipientId: newUuid(), expiresAt: inAnHour() }),
    ],
    ["broken", 404, "not-found", async () => "eyJhbGciOiJIUzI1NiJ9.broken"],
    ["of another length", 404, "not-found", async () => "x"],
  ];

  it.each(useless)("is refused: %s", async (_, status, kind, make) => {
    const token = await make();
    expect(await act(token)).toMatchObject({
      status,
      body: { type: `urn:tidings:problem:${kind}` },
    });
    const page = await press(token, browser);
    expect([page.status, page.headers.get("content-type")]).toEqual([
      status,
      "text/html; charset=utf-8",
    ]);
    expect(await page.text()).toContain("This did not work");
    expect((await press(token)).headers.get("content-type")).toBe("application/problem+json");
  });

  it("of an erased recipient has no effect", async () => {
    const [id] = await owed("sent");
    await api.prisma.$executeRaw`UPDATE recipients SET erased_at = now()`;
    for (const action of [snooze(), complete])
      expect((await act(await tokenFor({ delivery: id! }, action))).status).toBe(410);
    expect((await get(await tokenFor({ delivery: id! }, look))).status).toBe(302);
    expect(await events()).toEqual([]);
    expect(await rows()).toHaveLength(1);
  });
});

describe("of a campaign", () => {
  async function campaign(state: "completed" | "cancelled" | "recalled"): Promise<{
    reference: string;
    id: string;
    deliveries: { id: string }[];
  }> {
    const { body } = await api.send("POST", "/v1/campaigns", {
      name: "One",
      template: { key: sampleTemplate.key },
      data: { order: "1" },
      audience: { all: true },
    });
    const id = parsePublicId("campaign", body.id)!;
    const recipients = await api.prisma.recipient.findMany({ orderBy: { id: "asc" } });
    for (const { id: recipientId } of recipients)
      await api.prisma.endedDelivery.create({
        data: {
          id: newUuid(),
          campaignId: id,
          recipientId,
          channel: "email",
          priority: "normal",
          queue: `campaign/${body.id}/lane/0`,
          status: "sent",
          finishedAt: new Date(),
        },
      });
    await api.prisma.$executeRaw`
      UPDATE campaigns SET status = ${state === "cancelled" ? state : "completed"}::text::campaign_status, frozen_at = now(), finished_at = now(),
        audience_count = ${recipients.length}, recalled_at = CASE WHEN ${state === "recalled"} THEN now() END WHERE id = ${id}::uuid`;
    const deliveries = await api.prisma.delivery.findMany({ orderBy: { id: "asc" } });
    return { reference: body.id as string, id, deliveries };
  }

  it("a snoozed delivery is not in its account, and waits in a mailbox", async () => {
    const { reference, deliveries } = await campaign("completed");
    const account = async () => [
      (await api.send("GET", `/v1/campaigns/${reference}/reconciliation`)).body,
      (await api.send("GET", `/v1/campaigns/${reference}/progress`)).body.counts,
      (await api.send("GET", `/v1/campaigns/${reference}`)).body.counts,
    ];
    const before = await account();
    expect(before[0]).toMatchObject({ audience: 4, sent: 4, reconciled: true });
    await act(await tokenFor({ delivery: deliveries[0]!.id }, snooze()));
    const again = await api.prisma.delivery.findFirstOrThrow({ where: { leg: "snooze:1" } });
    expect(again.queue).toBe(`mailbox/${shardOf(again.recipientId, 4)}`);
    expect(api.woken).toEqual([again.queue]);
    expect(await account()).toEqual(before);
  });

  it("a cancellation or recall prevents snoozes, and cancels snoozed deliveries", async () => {
    for (const state of ["cancelled", "recalled"] as const) {
      const { deliveries } = await campaign(state);
      const token = await tokenFor({ delivery: deliveries.at(-1)!.id }, snooze());
      expect(await act(token)).toMatchObject({ status: 409 });
    }
    const { reference, deliveries } = await campaign("completed");
    await act(await tokenFor({ delivery: deliveries.at(-1)!.id }, snooze()));
    await api.send("POST", `/v1/campaigns/${reference}/recall`, {});
    expect(api.woken).toContain(reference);
    expect(await advanceCampaign(api.pool, reference)).toMatchObject({ next: "finished" });
    const again = await api.prisma.delivery.findFirstOrThrow({ where: { leg: "snooze:1" } });
    expect(again).toMatchObject({ status: "cancelled", reason: "campaign_cancelled", dueAt: null });
  });
});

describe("a link", () => {
  it("in a message leads to its action, and contains no personal data", async () => {
    const [id] = await owed("sent");
    const links = createActionLinks({ secrets: [tokenSecret], publicUrl: "http://127.0.0.1:8080" });
    const url = new URL(await links.forDelivery(id!, complete, { epoch: 0, now: new Date() }));
    const response = await api.app.request(url.pathname, { method: "POST" });
    expect(await response.json()).toMatchObject({ action: "complete" });
    const payload = Buffer.from(url.pathname.split(".")[1]!, "base64url").toString();
    expect(Object.keys(JSON.parse(payload) as object).sort()).toEqual(["act", "aud", "exp", "sub"]);
    expect(payload).toContain(publicId("delivery", id!));
    // Logs do not contain the link either.
    expect(api.logged.join("\n")).not.toContain(url.pathname.split(".")[2]);
  });
});

describe("GET /v1/events", () => {
  it("lists what recipients did, the newest first, by kind, delivery, recipient and time", async () => {
    const [first] = await owed("sent", { entityId: "task-1" });
    const [second] = await owed("sent", { recipients: ["u1"] });
    await get(await tokenFor({ delivery: first! }, look));
    const { body: snoozed } = await act(await tokenFor({ delivery: first! }, snooze()));
    await act(await tokenFor({ delivery: second! }, complete));
    const list = async (query = "") => (await api.send("GET", `/v1/events?${query}`)).body;
    const { items, nextCursor } = await list();
    expect(nextCursor).toBeNull();
    expect(items.map(({ kind }: { kind: string }) => kind)).toEqual([
      "delivery.completed",
      "delivery.snoozed",
      "delivery.viewed",
    ]);
    const { notificationId, recipientId } = await api.prisma.delivery.findUniqueOrThrow({
      where: { id: first! },
    });
    expect(items[1]).toEqual({
      id: expect.stringMatching(/^evt_/),
      kind: "delivery.snoozed",
      delivery: publicId("delivery", first!),
      recipient: publicId("recipient", recipientId),
      notification: publicId("notification", notificationId!),
      campaign: null,
      entityId: "task-1",
      until: snoozed["until"],
      automated: false,
      type: null,
      topic: null,
      at: expect.any(String),
      publishedAt: null,
      attempts: 0,
      detail: null,
    });
    const ids = async (query: string) =>
      (await list(query)).items.map(({ id }: { id: string }) => id);
    const [completed, put, viewed] = items.map(({ id }: { id: string }) => id);
    expect(await ids("kind=delivery.viewed,delivery.completed")).toEqual([completed, viewed]);
    expect(await ids(`delivery=${publicId("delivery", first!)}`)).toEqual([put, viewed]);
    expect(await ids("recipient=u1")).toEqual([completed]);
    expect(await ids("recipient=nobody")).toEqual([]);
    expect(await ids(`createdFrom=${encodeURIComponent("2099-01-01T00:00:00Z")}`)).toEqual([]);
    const page = await list("limit=2&sort=createdAt");
    expect(page.items.map(({ id }: { id: string }) => id)).toEqual([viewed, put]);
    expect(await ids(`limit=2&sort=createdAt&cursor=${page.nextCursor}`)).toEqual([completed]);
  });
});
