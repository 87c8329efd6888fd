import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { newUuid, publicId } from "../../domain/ids.ts";
import { dayMs, minuteMs } from "../../domain/time/durations.ts";
import { defaultPolicy } from "../../domain/policy/policy.ts";
import { createPolicyWorld, shown } from "../support/policy-world.ts";
import { type Api, sampleTemplate, seed, startApi } from "./harness.ts";

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

/** An instant of tomorrow, by UTC: what is asked for now is due then. */
const tomorrow = (time: string) =>
  new Date(`${new Date(Date.now() + dayMs).toISOString().slice(0, 10)}T${time}:00.000Z`);

const pathOf = (recipientId: string) =>
  `/v1/recipients/${publicId("recipient", recipientId)}/timeline`;

async function timeline(recipientId: string, query = "") {
  const { status, body } = await api.send("GET", pathOf(recipientId) + query);
  expect([status, body.errors]).toEqual([200, undefined]);
  return body;
}

const nights = { quietHours: [{ start: "22:00", end: "07:00" }] };

describe("the timeline of a recipient", () => {
  it("without deliveries is empty, by either id", async () => {
    const { status, body } = await api.send("GET", "/v1/recipients/u0/timeline");
    expect(status).toBe(200);
    expect(body).toMatchObject({
      timeZone: "UTC",
      quiet: { now: false, until: null, reason: null },
      waiting: [],
      more: 0,
      groups: [],
      digests: { mode: "immediate", next: [] },
    });
    const { id } = (await api.send("GET", "/v1/recipients/u0")).body;
    expect((await api.send("GET", `/v1/recipients/${id}/timeline`)).body).toEqual(body);
  });

  it("has what waits with why and until when, and not what was sent", async () => {
    now = tomorrow("22:30");
    const recipientId = await world.recipient({ timeZone: "Europe/Berlin", preferences: nights });
    const held = await world.ask({ recipientId, type: "habit.reminder" });
    await world.ask({ recipientId, priority: "critical" });
    const { dispatch, requests } = world.worker();
    await dispatch(now);
    expect(requests).toHaveLength(1);
    const later = new Date(now.getTime() + 30 * dayMs);
    const unheld = await world.ask({ recipientId, sendAt: later });
    const other = await world.recipient();
    await world.ask({ recipientId: other, sendAt: later });

    const body = await timeline(recipientId);
    const { until } = body.quiet;
    expect(body.quiet).toEqual({ now: true, until: expect.any(String), reason: "quiet_hours" });
    expect(body.waiting).toEqual([
      {
        id: shown(held),
        source: expect.stringMatching(/^ntf_/),
        stage: 0,
        type: "habit.reminder",
        priority: "normal",
        channel: "email",
        status: "pending",
        reason: "quiet_hours",
        dueAt: until,
        unless: null,
        outages: [],
        stoppedUntil: null,
        group: null,
      },
      expect.objectContaining({
        id: shown(unheld),
        type: null,
        reason: null,
        dueAt: later.toISOString(),
      }),
    ]);
    expect(body.more).toBe(0);
    const clock = new Intl.DateTimeFormat("en-GB", {
      timeZone: "Europe/Berlin",
      timeStyle: "short",
    });
    expect(clock.format(new Date(until))).toBe("07:00");
  });

  it("has the stages of routes: those in the ledger, and those that follow them", async () => {
    const recipientId = await world.recipient();
    const after = (minutes: number) => ({ minutes, unless: "read" });
    const { status, body } = await api.send("POST", "/v1/notifications", {
      recipients: [publicId("recipient", recipientId)],
      template: { key: sampleTemplate.key },
      data: { order: "A-17" },
      sendAt: new Date(now.getTime() + dayMs).toISOString(),
      route: {
        stages: [
          { via: ["in_app"] },
          { via: ["email"] },
          { via: ["push", "email"], after: after(10) },
          { via: ["in_app"], after: after(5) },
        ],
      },
    });
    expect([status, body.errors]).toEqual([202, undefined]);
    const shownStages = async () => {
      const { waiting, more } = await timeline(recipientId);
      expect(more).toBe(0);
      return waiting.map((one: Record<string, string>) => [
        one.stage,
        one.channel,
        one.status,
        one.reason,
        Date.parse(one.dueAt!) - now.getTime(),
        one.unless,
      ]);
    };
    const projected = [
      [2, "email", "projected", "earlier_stage", dayMs + 10 * minuteMs, "read"],
      [3, "in_app", "projected", "earlier_stage", dayMs + 15 * minuteMs, "read"],
    ];
    expect(await shownStages()).toEqual([
      [0, "in_app", "pending", null, dayMs, null],
      [1, "email", "pending", null, dayMs, null],
      ...projected,
    ]);
    const [first, , third] = (await timeline(recipientId)).waiting;
    expect(third).toMatchObject({ id: null, source: body.id, group: null, type: null });

    // The first stage is over, and the second one waits longer.
    await api.send("POST", `/v1/deliveries/${first.id}/cancel`);
    now = new Date(now.getTime() + 2 * dayMs);
    expect(await shownStages()).toEqual([
      [1, "email", "pending", null, -dayMs, null],
      ...projected.map(([stage, channel, state, reason, , unless], index) => [
        stage,
        channel,
        state,
        reason,
        (10 + 5 * index) * minuteMs,
        unless,
      ]),
    ]);
  });

  it("has a later stage once: as a delivery after the stage before it was sent", async () => {
    const recipientId = await world.recipient();
    const { status, body } = await api.send("POST", "/v1/notifications", {
      recipients: [publicId("recipient", recipientId)],
      template: { key: sampleTemplate.key },
      data: { order: "A-17" },
      route: {
        stages: [{ via: ["email"] }, { via: ["email"], after: { minutes: 10, unless: "seen" } }],
      },
    });
    expect([status, body.errors]).toEqual([202, undefined]);
    const stages = async () =>
      (await timeline(recipientId)).waiting.map((one: Record<string, unknown>) => [
        one.stage,
        one.status,
        one.unless,
      ]);
    expect(await stages()).toEqual([
      [0, "pending", null],
      [1, "projected", "seen"],
    ]);
    const { dispatch, requests } = world.worker();
    await dispatch(now);
    expect(requests).toHaveLength(1);
    expect(await stages()).toEqual([[1, "pending", "seen"]]);
    const { items } = (await api.send("GET", `/v1/deliveries?notification=${body.id}`)).body;
    expect(items.map((one: Record<string, unknown>) => [one.leg, one.stage])).toEqual([
      ["stage:1", 1],
      ["primary", 0],
    ]);
    const sent = (await api.send("GET", `/v1/deliveries/${items[1].id}`)).body;
    expect(sent).toMatchObject({
      channel: "email",
      failedChannels: [],
      route: { origin: "request", stages: [{ via: ["email"] }, { after: { unless: "seen" } }] },
      attempts: [{ number: 1, channel: "email", outcome: "sent" }],
    });
  });

  it("has the groups that have not gone out, with their members", async () => {
    const recipientId = await world.recipient();
    for (let i = 0; i < 2; i++) await world.ask({ recipientId, type: "habit.reminder" });
    const { dispatch } = world.worker();
    await dispatch();
    const { waiting, groups } = await timeline(recipientId);
    expect(groups).toEqual([
      {
        id: expect.stringMatching(/^grp_/),
        kind: "batch",
        type: "habit.reminder",
        priority: "normal",
        closesAt: waiting[0].dueAt,
        members: 2,
      },
    ]);
    for (const one of waiting)
      expect(one).toMatchObject({
        reason: "batch",
        group: groups[0].id,
        dueAt: groups[0].closesAt,
      });
    await dispatch(new Date(groups[0].closesAt));
    expect(await timeline(recipientId)).toMatchObject({ waiting: [], groups: [] });
  });

  it("has the first 200 that wait, and counts the others", async () => {
    const recipientId = await world.recipient();
    const at = (n: number) => new Date(now.getTime() + n * minuteMs);
    const asked = await Promise.all(
      Array.from({ length: 203 }, (_, n) => world.ask({ recipientId, sendAt: at(203 - n) })),
    );
    const { waiting, more } = await timeline(recipientId);
    expect(waiting.map(({ id }: { id: string }) => id)).toEqual(
      asked.toReversed().slice(0, 200).map(shown),
    );
    expect(more).toBe(3);
  });

  it("shows what is left of the recipient's limit and of the organisation's limits", async () => {
    const recipientId = await world.recipient({ preferences: { maxPerHour: 2 } });
    const ago = (minutes: number) => new Date(now.getTime() - minutes * minuteMs);
    await api.prisma.grantLog.create({
      data: { recipientId, granted: [ago(90), ago(50), ago(10)], types: [0, 0, 0] },
    });
    const { perMinute, perHour, perDay } = defaultPolicy.limits;
    const organisation = { of: "organisation_limit", roomAt: null };
    expect((await timeline(recipientId)).limits).toEqual([
      {
        of: "recipient_limit",
        limit: 2,
        windowSeconds: 3_600,
        granted: 2,
        roomAt: ago(-10).toISOString(),
      },
      { ...organisation, limit: perMinute, windowSeconds: 60, granted: 0 },
      { ...organisation, limit: perHour, windowSeconds: 3_600, granted: 2 },
      { ...organisation, limit: perDay, windowSeconds: 86_400, granted: 3 },
    ]);
    now = ago(-11);
    expect((await timeline(recipientId)).limits[0]).toMatchObject({ granted: 1, roomAt: null });
    await world.policy({ limits: { burst: { messages: 1, seconds: 1_800 } } });
    expect((await timeline(recipientId)).limits[1]).toEqual({
      of: "organisation_limit",
      limit: 1,
      windowSeconds: 1_800,
      granted: 1,
      roomAt: ago(-9).toISOString(),
    });
    await world.policy({});
  });

  it("has the next digests by the recipient's clock, across a change of it", async () => {
    const daily = (time: string) =>
      world.recipient({
        timeZone: "Europe/Berlin",
        preferences: { digest: { mode: "daily", time } },
      });
    now = new Date("2027-03-26T23:30:00Z");
    expect((await timeline(await daily("08:00"), "?digests=3")).digests).toEqual({
      mode: "daily",
      next: [
        { at: "2027-03-27T07:00:00.000Z", local: "Saturday 2027-03-27 08:00 +01:00" },
        { at: "2027-03-28T06:00:00.000Z", local: "Sunday 2027-03-28 08:00 +02:00" },
        { at: "2027-03-29T06:00:00.000Z", local: "Monday 2027-03-29 08:00 +02:00" },
      ],
    });
    // That time is skipped on Sunday.
    const skipping = await daily("02:30");
    expect((await timeline(skipping, "?digests=3")).digests.next).toEqual([
      { at: "2027-03-27T01:30:00.000Z", local: "Saturday 2027-03-27 02:30 +01:00" },
      { at: "2027-03-28T01:30:00.000Z", local: "Sunday 2027-03-28 03:30 +02:00" },
      { at: "2027-03-29T00:30:00.000Z", local: "Monday 2027-03-29 02:30 +02:00" },
    ]);
    expect((await timeline(skipping)).digests.next).toHaveLength(7);
    for (const digests of ["0", "51", "1.5", "many"])
      expect((await api.send("GET", `${pathOf(skipping)}?digests=${digests}`)).status).toBe(422);
  });

  it("is a 404 of one who is not there, and a 410 of one who was erased", async () => {
    expect((await api.send("GET", pathOf(newUuid()))).status).toBe(404);
    expect((await api.send("GET", "/v1/recipients/nobody/timeline")).status).toBe(404);
    const recipientId = await world.recipient();
    await api.send("DELETE", `/v1/recipients/${publicId("recipient", recipientId)}`);
    expect((await api.send("GET", pathOf(recipientId))).status).toBe(410);
  });

  it("is for a recipient's token to see, their own and no other", async () => {
    const [mine, other] = [await world.recipient({ preferences: nights }), await world.recipient()];
    const delivery = await world.ask({ recipientId: mine });
    await world.ask({ recipientId: other });
    const reference = `/v1/recipients/${publicId("recipient", mine)}`;
    const { token } = (await api.send("POST", `${reference}/preference-tokens`)).body;
    const as = { authorization: `Bearer ${token}` };
    const see = (path: string) => api.send("GET", path, undefined, as);
    const { body } = await see("/v1/me/timeline?digests=2");
    expect(body).toEqual(await timeline(mine, "?digests=2"));
    expect(body.waiting.map(({ id }: { id: string }) => id)).toEqual([shown(delivery)]);
    for (const path of [pathOf(mine), pathOf(other)]) expect((await see(path)).status).toBe(401);
    await api.send("DELETE", reference);
    expect((await see("/v1/me/timeline")).status).toBe(410);
  });
});
