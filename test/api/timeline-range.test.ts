import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { newUuid, publicId } from "../../domain/ids.ts";
import type { ActionTarget } from "../../domain/tokens.ts";
import { hourMs } from "../../domain/time/durations.ts";
import { recordEngagements } from "../../ledger/engagement.ts";
import { completeDeliveries, snoozeDeliveries } from "../../ledger/recipient-actions.ts";
import { executeOn } from "../../ledger/sql.ts";
import { inTransaction } from "../../ledger/transaction.ts";
import { createPolicyWorld, shown } from "../support/policy-world.ts";
import { type Api, seed, startApi } from "./harness.ts";

let api: Api;
let world: ReturnType<typeof createPolicyWorld>;
let now = new Date();
beforeAll(async () => {
  api = await startApi({ config: { mailboxShards: 1 }, clock: () => now });
  world = createPolicyWorld(api.pool);
  await seed(api, 1);
});
beforeEach(() => {
  now = new Date();
});
afterAll(() => api.stop());

const nights = { quietHours: [{ start: "22:00", end: "07:00" }] };
const daily = { digest: { mode: "daily", time: "02:30" } };

const ask = (recipientId: string, query: string) =>
  api.send("GET", `/v1/recipients/${publicId("recipient", recipientId)}/timeline?${query}`);
/** Snoozes what a button of a message is about. */
const snoozed = (token: string, target: ActionTarget, until: string) =>
  inTransaction(api.pool, (client) =>
    snoozeDeliveries(executeOn(client), token, target, { until, mailboxShards: 1 }),
  );
async function rangeOf(recipientId: string, from: string, until: string) {
  const { status, body } = await ask(recipientId, `from=${from}&until=${until}`);
  expect([status, body.errors]).toEqual([200, undefined]);
  return body.range;
}

describe("what was and will be in the days of a timeline", () => {
  it("has a day of 23 hours in Berlin, a night of 8, and the digest that the clocks move", async () => {
    now = new Date("2027-03-27T10:00:00Z");
    const preferences = { ...nights, ...daily };
    const recipientId = await world.recipient({ timeZone: "Europe/Berlin", preferences });
    const range = await rangeOf(recipientId, "2027-03-27T10:00:00Z", "2027-03-29T10:00:00Z");
    expect(range.days).toEqual([
      {
        date: "2027-03-27",
        from: "2027-03-26T23:00:00.000Z",
        until: "2027-03-27T23:00:00.000Z",
        hours: 24,
      },
      {
        date: "2027-03-28",
        from: "2027-03-27T23:00:00.000Z",
        until: "2027-03-28T22:00:00.000Z",
        hours: 23,
      },
      {
        date: "2027-03-29",
        from: "2027-03-28T22:00:00.000Z",
        until: "2027-03-29T22:00:00.000Z",
        hours: 24,
      },
    ]);
    expect([range.from, range.until]).toEqual([range.days[0].from, range.days[2].until]);
    expect(range.quiet).toContainEqual({
      from: "2027-03-27T21:00:00.000Z",
      until: "2027-03-28T05:00:00.000Z",
      reason: "quiet_hours",
    });
    expect(range.digests).toEqual([
      { at: "2027-03-28T01:30:00.000Z", local: "Sunday 2027-03-28 03:30 +02:00" },
      { at: "2027-03-29T00:30:00.000Z", local: "Monday 2027-03-29 02:30 +02:00" },
    ]);
    expect(range).toMatchObject({ moreQuiet: 0, moreDigests: false, ended: [], moreEnded: 0 });
  });

  it("has a day of 25 hours in New York, and one digest in the hour that comes twice", async () => {
    now = new Date("2027-11-06T12:00:00Z");
    const preferences = { ...nights, digest: { mode: "daily", time: "01:30" } };
    const recipientId = await world.recipient({ timeZone: "America/New_York", preferences });
    const range = await rangeOf(recipientId, "2027-11-07T12:00:00Z", "2027-11-07T13:00:00Z");
    expect(range.days.map(({ hours }: { hours: number }) => hours)).toEqual([25]);
    expect(range.digests).toEqual([
      { at: "2027-11-07T05:30:00.000Z", local: "Sunday 2027-11-07 01:30 -04:00" },
    ]);
    expect(range.quiet).toEqual([
      {
        from: "2027-11-07T04:00:00.000Z",
        until: "2027-11-07T12:00:00.000Z",
        reason: "quiet_hours",
      },
      {
        from: "2027-11-08T03:00:00.000Z",
        until: "2027-11-08T05:00:00.000Z",
        reason: "quiet_hours",
      },
    ]);
  });

  it("has what was sent and what was not, the latest first, and nothing from other days or people", async () => {
    const recipientId = await world.recipient();
    const sent = await world.ask({ recipientId });
    await world.worker().dispatch();
    const expiresAt = new Date(Date.now() - hourMs);
    const suppressed = await world.ask({ recipientId, expiresAt });
    await world.worker().dispatch();
    await world.ask({ recipientId: await world.recipient() });
    await world.worker().dispatch();
    const from = now.toISOString();
    const range = await rangeOf(recipientId, from, new Date(now.getTime() + hourMs).toISOString());
    expect(range.ended).toEqual([
      expect.objectContaining({ id: shown(suppressed), status: "suppressed", reason: "expired" }),
      expect.objectContaining({ id: shown(sent), status: "sent", reason: null, channel: "email" }),
    ]);
    expect(range.ended[0].at >= range.ended[1].at).toBe(true);
    expect(range.ended[1]).toMatchObject({ openedAt: null, clickedAt: null });
    await inTransaction(api.pool, (client) =>
      recordEngagements(executeOn(client), [{ id: sent, kind: "opened", at: now, count: 1 }]),
    );
    const until = new Date(now.getTime() + hourMs).toISOString();
    expect((await rangeOf(recipientId, from, until)).ended[1]).toMatchObject({
      openedAt: now.toISOString(),
      clickedAt: null,
    });
    const before = await rangeOf(recipientId, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
    expect(before.ended).toEqual([]);
  });

  it("has what was snoozed: from when to when, until it was snoozed again or completed", async () => {
    const recipientId = await world.recipient();
    const delivery = await world.ask({ recipientId });
    await world.worker().dispatch();
    const begin = Date.now();
    const later = (hours: number) => new Date(begin + hours * hourMs).toISOString();
    const snooze = (token: string, until: string) => snoozed(token, { delivery }, until);
    const snoozes = async (from: string, until: string) =>
      (await rangeOf(recipientId, from, until)).snoozes;

    await snooze("a", later(1));
    const first = { id: shown(delivery), channel: "email", type: null, deliveries: 1 };
    const [alone, ...more] = await snoozes(later(0), later(1));
    expect(more).toEqual([]);
    expect(alone).toMatchObject({ ...first, until: later(1) });
    expect(Date.parse(alone.from)).toBeGreaterThanOrEqual(begin);

    await snooze("b", later(100));
    const [cut, second] = await snoozes(later(0), later(1));
    expect([cut.from, cut.until, second.until]).toEqual([alone.from, second.from, later(100)]);
    // It is not over on a later day, and is on a day after that.
    expect(await snoozes(later(50), later(51))).toEqual([second]);
    expect(await snoozes(later(150), later(151))).toEqual([]);

    await inTransaction(api.pool, (client) => completeDeliveries(executeOn(client), { delivery }));
    const done = (await snoozes(later(0), later(1)))[1];
    expect(Date.parse(done.until)).toBeLessThanOrEqual(Date.now());
    expect(await snoozes(later(50), later(51))).toEqual([]);
  });

  it("has deliveries that were snoozed together as one", async () => {
    const recipientId = await world.recipient();
    const deliveries = [await world.ask({ recipientId }), await world.ask({ recipientId })];
    const group = newUuid();
    await api.pool.query(
      `INSERT INTO groups (id, kind, recipient_id, channel, priority, status, member_count, closes_at)
       VALUES ($1, 'batch', $2, 'email', 'normal', 'open', 2, now())`,
      [group, recipientId],
    );
    await api.pool.query("UPDATE deliveries SET group_id = $1 WHERE id = ANY($2::uuid[])", [
      group,
      deliveries,
    ]);
    const until = new Date(Date.now() + hourMs).toISOString();
    await snoozed("c", { group }, until);
    const from = new Date().toISOString();
    expect(await rangeOf(recipientId, from, until)).toMatchObject({
      snoozes: [{ id: shown(deliveries[0]!), deliveries: 2, until }],
      moreSnoozes: 0,
    });
  });

  it("is bounded, and says what is left out", async () => {
    const recipientId = await world.recipient({ preferences: { digest: { mode: "hourly" } } });
    const from = now.toISOString();
    const until = new Date(now.getTime() + 31 * 24 * hourMs).toISOString();
    const range = await rangeOf(recipientId, from, until);
    expect([range.digests.length, range.moreDigests]).toEqual([200, true]);
  });

  it.each([
    ["from=2027-01-01T00:00:00Z", "until"],
    ["until=2027-01-01T00:00:00Z", "from"],
    ["from=2027-01-02T00:00:00Z&until=2027-01-01T00:00:00Z", "until"],
    ["from=2027-01-01T00:00:00Z&until=2027-02-02T00:00:00Z", "until"],
    ["from=yesterday&until=2027-02-02T00:00:00Z", "from"],
  ])("is refused for %s", async (query, field) => {
    const { status, body } = await ask(await world.recipient(), query);
    expect([status, body.errors[0].field]).toEqual([422, field]);
  });
});
