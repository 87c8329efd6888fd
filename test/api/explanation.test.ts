import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rules } from "../../domain/policy/rules.ts";
import { newUuid, publicId } from "../../domain/ids.ts";
import { dayMs, hourMs, minuteMs } from "../../domain/time/durations.ts";
import { createPolicyWorld, shown } from "../support/policy-world.ts";
import { type Api, seed, startApi } from "./harness.ts";

let api: Api;
let world: ReturnType<typeof createPolicyWorld>;
beforeAll(async () => {
  api = await startApi({ config: { mailboxShards: 1 } });
  world = createPolicyWorld(api.pool);
  await seed(api, 3);
});
afterAll(() => api.stop());

/** An instant of the next days, by UTC: decisions are made for it. */
const next = (time: string, days = 1) =>
  new Date(`${new Date(Date.now() + days * dayMs).toISOString().slice(0, 10)}T${time}:00.000Z`);

async function explained(delivery: string) {
  const { status, body } = await api.send("GET", `/v1/deliveries/${shown(delivery)}/explanation`);
  expect([status, body.errors]).toEqual([200, undefined]);
  expect(body.rules.map(({ name, asks }: { name: string; asks: string }) => [name, asks])).toEqual(
    rules.map(({ name, question }) => [name, question]),
  );
  return body;
}

interface RuleJson {
  name: string;
  outcome: string;
  saw: Record<string, unknown> | null;
  preferences: { path: string; value: unknown; from: string }[];
}

const rule = (body: { rules: RuleJson[] }, name: string) =>
  body.rules.find((one) => one.name === name)!;
const deciding = (body: { rules: RuleJson[] }) =>
  body.rules.find(({ outcome }) => outcome === "decided")?.name ?? null;

const nights = { quietHours: [{ start: "22:00", end: "07:00" }] };

describe("the explanation of a delivery", () => {
  it("shows the rule that held it, what the rule saw, and the origin of the preference", async () => {
    const recipientId = await world.recipient({ timeZone: "Europe/Berlin", preferences: nights });
    const delivery = await world.ask({ recipientId, type: "habit.reminder" });
    await world.worker().dispatch(next("22:30"));
    const body = await explained(delivery);
    expect(body).toMatchObject({
      delivery: shown(delivery),
      recipient: publicId("recipient", recipientId),
      status: "pending",
      reason: "quiet_hours",
      basis: "record",
      versions: { policy: 0, type: 1, preferences: 1 },
      consistent: true,
      notes: [],
      group: null,
      attempts: { count: 0, last: null },
    });
    const { rows } = await api.pool.query(
      "SELECT due_at, decided_at FROM deliveries WHERE id = $1",
      [delivery],
    );
    expect(body.decision).toEqual({
      kind: "hold",
      reason: "quiet_hours",
      until: rows[0].due_at.toISOString(),
      adapted: null,
    });
    expect(body.asOf).toBe(rows[0].decided_at.toISOString());
    expect(body.summary).toMatch(
      /^It waits until \S+ \(\w+day \S+ 07:00 \+0[12]:00 in Europe\/Berlin\), for the recipient’s quiet hours to end\.$/,
    );
    expect(deciding(body)).toBe("quiet_hours");
    expect(rule(body, "quiet_hours")).toMatchObject({
      saw: { zone: "Europe/Berlin", switchedOff: [] },
      preferences: [
        { path: "quietHours", value: nights.quietHours, from: "recipient" },
        { path: "quietHoursEnabled", value: true, from: "organisation" },
        { path: "doNotDisturb", value: [], from: "organisation" },
        { path: "doNotDisturbEnabled", value: true, from: "organisation" },
      ],
    });
    expect(rule(body, "switched_off").preferences.map(({ path }) => path)).toEqual([
      "channels.email",
    ]);
    expect(rule(body, "digest")).toMatchObject({ outcome: "not_asked", saw: null });
  });

  it("says that quiet hours are switched off, and keeps their spans", async () => {
    const quietHours = [{ start: "00:00", end: "24:00" }];
    const recipientId = await world.recipient({
      preferences: { quietHours, quietHoursEnabled: false },
    });
    const delivery = await world.ask({ recipientId });
    await world.worker().dispatch();
    const body = await explained(delivery);
    expect(body).toMatchObject({ status: "sent", decision: { kind: "send" }, consistent: true });
    expect(rule(body, "quiet_hours")).toMatchObject({
      outcome: "passed",
      saw: { switchedOff: ["quiet_hours"] },
      preferences: expect.arrayContaining([
        { path: "quietHours", value: quietHours, from: "recipient" },
        { path: "quietHoursEnabled", value: false, from: "recipient" },
      ]),
    });
  });

  it("is made with the versions that were in force, whatever is said since", async () => {
    const recipientId = await world.recipient({ preferences: { minimumPriority: "high" } });
    const delivery = await world.ask({ recipientId });
    await world.worker().dispatch();
    await world.setPreferences(recipientId, {});
    await world.policy({ preferences: { minimumPriority: "critical" } });
    const body = await explained(delivery);
    await world.policy({});
    expect(body).toMatchObject({
      status: "suppressed",
      versions: { policy: 0, preferences: 1, type: null },
      decision: { kind: "suppress", reason: "below_minimum_priority", until: null },
      consistent: true,
      summary: "It was not sent: its priority is below the lowest that the recipient wants.",
    });
    expect(rule(body, "minimum_priority").preferences).toEqual([
      { path: "minimumPriority", value: "high", from: "recipient" },
    ]);
  });

  it("shows that no rule held a sent delivery, and the other members of its message", async () => {
    const recipientId = await world.recipient();
    const asked = [
      await world.ask({ recipientId, type: "habit.reminder" }),
      await world.ask({ recipientId, type: "habit.reminder" }),
    ];
    const { dispatch } = world.worker();
    await dispatch();
    const waiting = await explained(asked[0]!);
    expect(waiting).toMatchObject({
      status: "pending",
      decision: { kind: "merge", reason: "batch" },
      consistent: true,
      group: { kind: "batch", members: 2 },
    });
    expect(deciding(waiting)).toBe("batching");
    expect(waiting.decision.until).toBe(waiting.group.closesAt);
    await dispatch(new Date(Date.now() + hourMs));
    const sent = await explained(asked[1]!);
    expect(sent).toMatchObject({
      status: "sent",
      reason: null,
      decision: { kind: "send", reason: null, until: null },
      consistent: true,
      attempts: { count: 1, last: { outcome: "sent" } },
    });
    expect(sent.summary).toMatch(
      /^It was sent at .*, with 1 other delivery as one message\. No rule held/,
    );
    expect(deciding(sent)).toBeNull();
    expect(sent.rules.every(({ outcome }: RuleJson) => outcome === "passed")).toBe(true);
  });

  it("shows a burst limit among the limits that held a delivery", async () => {
    await world.policy({ limits: { burst: { messages: 1, seconds: 600 } } });
    const recipientId = await world.recipient();
    const deliveries = [await world.ask({ recipientId }), await world.ask({ recipientId })];
    await world.worker().dispatch();
    await world.policy({});
    const explanations = await Promise.all(deliveries.map(explained));
    const held = explanations.find(({ status }) => status === "pending");
    expect(held).toMatchObject({ reason: "organisation_limit", consistent: true });
    expect(rule(held, "limits").saw).toMatchObject({
      limits: expect.arrayContaining([
        { of: "organisation_limit", limit: 1, windowSeconds: 600, granted: 1 },
      ]),
    });
  });

  it("says what a limit had counted, without the grants that came later", async () => {
    const recipientId = await world.recipient({ preferences: { maxPerHour: 1 } });
    const [first, second] = [await world.ask({ recipientId }), await world.ask({ recipientId })];
    const { dispatch } = world.worker();
    await dispatch();
    const waits = [await explained(first), await explained(second)].find(
      ({ status }) => status === "pending",
    );
    expect(waits).toMatchObject({
      reason: "recipient_limit",
      consistent: true,
      decision: { kind: "hold", reason: "recipient_limit" },
    });
    expect(rule(waits, "limits").saw).toMatchObject({
      limits: expect.arrayContaining([
        { of: "recipient_limit", limit: 1, windowSeconds: 3_600, granted: 1 },
      ]),
    });
    await dispatch(new Date(Date.now() + 2 * hourMs));
    for (const delivery of [first, second]) {
      const sent = await explained(delivery);
      expect(sent).toMatchObject({ status: "sent", decision: { kind: "send" }, consistent: true });
      expect(rule(sent, "limits").saw).toMatchObject({
        limits: expect.arrayContaining([
          expect.objectContaining({ of: "recipient_limit", granted: 0 }),
        ]),
      });
    }
  });

  it("takes what waited for its best hour, or was asked for at once, to have waited so", async () => {
    const hour = (new Date().getUTCHours() + 2) % 24;
    const recipientId = await world.recipient({ preferences: { intelligentTiming: true } });
    await api.pool.query("UPDATE recipients SET engaged_hours = $2 WHERE id = $1", [
      recipientId,
      Array.from({ length: 24 }, (_, index) => (index === hour ? 20 : 0)),
    ]);
    const delivery = await world.ask({ recipientId });
    const { dispatch } = world.worker();
    await dispatch();
    expect(await explained(delivery)).toMatchObject({
      reason: "best_hour",
      decision: { kind: "hold", reason: "best_hour" },
      consistent: true,
    });
    const { rows } = await api.pool.query("SELECT due_at FROM deliveries WHERE id = $1", [
      delivery,
    ]);
    await dispatch(rows[0].due_at);
    expect(await explained(delivery)).toMatchObject({
      status: "sent",
      decision: { kind: "send" },
      consistent: true,
    });
  });

  it("of what has not been decided about says what would be, as things stand now", async () => {
    const recipientId = await world.recipient({ preferences: nights });
    const at = next("23:00");
    const delivery = await world.ask({ recipientId, sendAt: at });
    const body = await explained(delivery);
    expect(body).toMatchObject({
      status: "pending",
      basis: "now",
      asOf: at.toISOString(),
      decision: { kind: "hold", reason: "quiet_hours", until: next("07:00", 2).toISOString() },
      consistent: true,
    });
    expect(body.summary).toMatch(
      /^It has no decision yet\. As things stand now, at .* it would wait until .* for the recipient’s quiet hours to end\.$/,
    );
    const due = await world.ask({ recipientId: await world.recipient() });
    expect((await explained(due)).summary).toBe(
      "It has no decision yet. As things stand now, it would be sent at once.",
    );
  });

  it("says so where what is found now is not what was decided", async () => {
    const recipientId = await world.recipient();
    const [address] = (
      await api.pool.query("SELECT email FROM recipients WHERE id = $1", [recipientId])
    ).rows;
    await api.send("POST", "/v1/suppressions", {
      channel: "email",
      address: address.email,
      reason: "manual",
    });
    const delivery = await world.ask({ recipientId });
    await world.worker().dispatch();
    expect(await explained(delivery)).toMatchObject({
      consistent: true,
      reason: "address_suppressed",
    });
    await api.pool.query("DELETE FROM suppressions");
    const body = await explained(delivery);
    expect(body).toMatchObject({
      consistent: false,
      decision: { kind: "suppress", reason: "address_suppressed" },
      notes: [
        "The address is no longer on the suppression list.",
        "Repeated today, the decision is a different one: it would be sent at once.",
      ],
    });
  });

  it("says what of the log of grants is gone, where there may have been any", async () => {
    const recipientId = await world.recipient();
    const first = await world.ask({ recipientId });
    await world.worker().dispatch();
    await world.ask({ recipientId });
    await world.worker().dispatch();
    expect((await explained(first)).notes).toEqual([]);
    await api.pool.query(
      "UPDATE recipients SET created_at = created_at - interval '2 days' WHERE id = $1",
      [recipientId],
    );
    expect((await explained(first)).notes).toEqual([
      expect.stringMatching(
        /^Grants to the recipient before .* may have been removed from the log/,
      ),
    ]);
  });

  it("takes what waits for its turn to have waited for a provider, where nobody has quiet hours", async () => {
    const recipientId = await world.recipient();
    await world.ask({ recipientId });
    await world.worker().dispatch();
    const delivery = await world.ask({ recipientId });
    await api.pool.query(
      "UPDATE deliveries SET reason = 'provider_unavailable', hold_count = 1 WHERE id = $1",
      [delivery],
    );
    await world.worker().dispatch();
    expect(await explained(delivery)).toMatchObject({
      reason: "smoothed_release",
      consistent: true,
      notes: [
        "Why it waited before this decision is not recorded. The explanation assumes that it waited for a provider to be available again.",
      ],
    });
  });

  it("does not take what came later for what was: a suppression, an erasure, newer messages", async () => {
    const recipientId = await world.recipient();
    const delivery = await world.ask({ recipientId, dedupKey: "door", collapseKey: "score" });
    await world.worker().dispatch();
    await world.ask({ recipientId, dedupKey: "door", collapseKey: "score", at: new Date() });
    await api.pool.query(
      "INSERT INTO suppressions (id, channel, address, reason, created_by) SELECT $1, 'email', email, 'manual', 'test' FROM recipients WHERE id = $2",
      [newUuid(), recipientId],
    );
    expect(await explained(delivery)).toMatchObject({ status: "sent", consistent: true });
    await api.pool.query("UPDATE recipients SET erased_at = now(), email = NULL WHERE id = $1", [
      recipientId,
    ]);
    const body = await explained(delivery);
    expect(body).toMatchObject({ status: "sent", consistent: true });
    expect(body.notes).toEqual([
      "The recipient has been erased since the decision, with their preferences and their address.",
    ]);
  });

  it.each<[string, object[], string, string]>([
    ["a duplicate", [{ dedupKey: "k" }, { dedupKey: "k" }], "duplicate", "duplicate"],
    [
      "what a newer one took the place of",
      [{ collapseKey: "k", at: new Date(Date.now() - minuteMs) }, { collapseKey: "k" }],
      "superseded",
      "superseded",
    ],
    [
      "what had expired",
      [{ expiresAt: new Date(Date.now() - 1_000), at: new Date(Date.now() - minuteMs) }],
      "expired",
      "expired",
    ],
  ])("explains %s", async (_, wanted, reason, name) => {
    const recipientId = await world.recipient();
    const asked: string[] = [];
    for (const one of wanted) asked.push(await world.ask({ recipientId, ...one }));
    // What depends on another one comes back once that has been decided about.
    for (const laterMs of [0, 2_000]) await world.worker().dispatch(new Date(Date.now() + laterMs));
    const bodies = await Promise.all(asked.map(explained));
    const suppressed = bodies.find(({ status }) => status === "suppressed");
    expect(suppressed).toMatchObject({
      reason,
      decision: { kind: "suppress", reason },
      consistent: true,
    });
    expect(deciding(suppressed)).toBe(name);
    for (const body of bodies) expect(body.consistent).toBe(true);
  });

  it("explains what a newer one superseded that was being handed over", async () => {
    const recipientId = await world.recipient();
    const at = new Date(Date.now() - minuteMs);
    const older = await world.ask({ recipientId, collapseKey: "k", at });
    await api.pool.query("UPDATE deliveries SET due_at = now() + interval '1 hour' WHERE id = $1", [
      older,
    ]);
    const newer = await world.ask({ recipientId, collapseKey: "k" });
    let answer: (outcome: "sent") => void = () => {};
    const answered = new Promise<"sent">((resolve) => void (answer = resolve));
    const first = world.worker(() => answered);
    const handingOver = first.dispatch();
    await expect.poll(() => first.requests).toHaveLength(1);
    await api.pool.query("UPDATE deliveries SET due_at = now() WHERE id = $1", [older]);
    await world.worker().dispatch();
    const superseded = { kind: "suppress", reason: "superseded" };
    const during = await explained(older);
    expect(during).toMatchObject({ decision: superseded, consistent: true, notes: [] });
    answer("sent");
    await handingOver;
    expect(await explained(older)).toMatchObject({ decision: superseded, consistent: true });
    expect(await explained(newer)).toMatchObject({ status: "sent", consistent: true });
  });

  it("explains what waited for quiet hours while a newer one was sent", async () => {
    const recipientId = await world.recipient({ timeZone: "Europe/Berlin", preferences: nights });
    const [evening, night, morning] = [next("22:30"), next("23:30"), next("08:00", 2)];
    const older = await world.ask({ recipientId, collapseKey: "k", at: evening });
    const { dispatch } = world.worker();
    await dispatch(evening);
    expect(await explained(older)).toMatchObject({ reason: "quiet_hours", consistent: true });
    const newer = await world.ask({
      recipientId,
      collapseKey: "k",
      at: night,
      priority: "critical",
    });
    await dispatch(night);
    await dispatch(morning);
    const body = await explained(older);
    expect(body).toMatchObject({
      status: "suppressed",
      decision: { kind: "suppress", reason: "superseded" },
      consistent: true,
    });
    expect(deciding(body)).toBe("superseded");
    expect(await explained(newer)).toMatchObject({ status: "sent", consistent: true });
  });

  it("says what became of attempts, and of what an operator cancelled", async () => {
    const recipientId = await world.recipient();
    const failed = await world.ask({ recipientId });
    await world.worker(() => "transient").dispatch();
    expect(await explained(failed)).toMatchObject({
      status: "pending",
      reason: "retry",
      decision: { kind: "send" },
      attempts: { count: 1, last: { outcome: "transient", failure: "connection" } },
      summary: expect.stringMatching(
        /^It waits until .* for another attempt after a temporary failure/,
      ),
    });
    const { status } = await api.send("POST", `/v1/deliveries/${shown(failed)}/cancel`);
    expect(status).toBe(200);
    expect(await explained(failed)).toMatchObject({
      status: "cancelled",
      summary: "It was cancelled: an operator cancelled it.",
      consistent: true,
    });
    const refused = await world.ask({ recipientId });
    await world.worker(() => "permanent").dispatch();
    expect((await explained(refused)).summary).toMatch(/^It failed after 1 attempt: the provider/);
  });

  it("quotes why a message could not be rendered", async () => {
    const delivery = await world.ask({ recipientId: await world.recipient() });
    await world.worker(() => "template_error").dispatch();
    const before =
      "It failed before the first attempt: its template could not be rendered. The error was: ";
    const explanation = await explained(delivery);
    expect(explanation).toMatchObject({ status: "failed", reason: "template_error" });
    expect(explanation.summary).toBe(`${before}as told`);
  });

  it("is of a delivery that there is", async () => {
    const { status } = await api.send("GET", `/v1/deliveries/${shown(newUuid())}/explanation`);
    expect(status).toBe(404);
  });
});

describe("GET /v1/explanations", () => {
  const ask = (source: string, recipient: string) =>
    api.send("GET", `/v1/explanations?source=${source}&recipient=${recipient}`);

  async function campaign(audience: object): Promise<string> {
    const { body } = await api.send("POST", "/v1/campaigns", {
      name: "c",
      template: { key: "order-shipped" },
      data: { order: "1" },
      audience,
    });
    return body.id;
  }

  it("explains what a recipient is owed by a notification, or that it does not name them", async () => {
    const recipientId = await world.recipient();
    const delivery = await world.ask({ recipientId });
    const { source, recipient } = await explained(delivery);
    const { status, body } = await ask(source, recipient);
    expect([status, body]).toMatchObject([
      200,
      { owed: true, delivery: { delivery: shown(delivery) }, audience: null },
    ]);
    expect(body.summary).toBe(body.delivery.summary);
    expect((await ask(source, "u1")).body).toEqual({
      owed: false,
      summary: "The notification does not name this recipient.",
      delivery: null,
      stages: [],
      audience: null,
    });
  });

  it("names the part of a campaign's audience that excludes a recipient", async () => {
    await api.send("POST", "/v1/segments", {
      key: "first",
      name: "First",
      filter: { field: "externalId", equals: "u0" },
    });
    const even = { attribute: "even", equals: true };
    const named = { attribute: "number", atLeast: 1 };
    const id = await campaign({
      include: ["first"],
      where: { all: [even, named] },
    });
    const parts = async (recipient: string) => {
      const { body } = await ask(id, recipient);
      expect(body.owed).toBe(false);
      return body;
    };
    const first = await parts("u0");
    expect(first.summary).toBe(
      "The audience is not frozen yet. As things stand now, the recipient would not be in it.",
    );
    expect(first.audience).toEqual({
      isIn: false,
      parts: [
        {
          part: "include",
          segment: "first",
          filter: { field: "externalId", equals: "u0" },
          holds: true,
          keepsOut: false,
        },
        { part: "where", segment: null, filter: even, holds: true, keepsOut: false },
        { part: "where", segment: null, filter: named, holds: false, keepsOut: true },
      ],
    });
    const others = await parts("u1");
    expect(others.audience.parts.map(({ keepsOut }: { keepsOut: boolean }) => keepsOut)).toEqual([
      true,
      true,
      false,
    ]);
    const excluded = await campaign({ all: true, exclude: ["first"] });
    expect((await ask(excluded, "u0")).body.audience).toMatchObject({
      isIn: false,
      parts: [{ part: "exclude", segment: "first", holds: true, keepsOut: true }],
    });
    expect((await ask(excluded, "u1")).body).toMatchObject({
      summary: "The audience is not frozen yet. As things stand now, the recipient would be in it.",
      audience: { isIn: true },
    });
  });

  it("says that they were not in an audience that was chosen, and who came later", async () => {
    const id = await campaign({ where: { field: "externalId", equals: "u0" } });
    await api.pool.query("UPDATE campaigns SET frozen_at = now()");
    const frozen = (await api.pool.query("SELECT frozen_at FROM campaigns LIMIT 1")).rows[0];
    expect((await ask(id, "u1")).body.summary).toBe(
      `The recipient was not in the audience when it was frozen, at ${frozen.frozen_at.toISOString()}. As things stand now, they would not be in it.`,
    );
    const late = await world.recipient();
    expect((await ask(id, publicId("recipient", late))).body.summary).toMatch(
      /because they were created later/,
    );
    await api.pool.query(
      "UPDATE recipients SET erased_at = now(), external_id = NULL WHERE id = $1",
      [late],
    );
    expect((await ask(id, publicId("recipient", late))).body).toMatchObject({
      summary: expect.stringMatching(/^The recipient was erased at /),
      audience: null,
    });
  });

  it("refuses what names nothing, and says of what", async () => {
    const unknown = publicId("campaign", newUuid());
    expect((await ask(unknown, "u0")).status).toBe(404);
    expect((await ask(publicId("notification", newUuid()), "u0")).status).toBe(404);
    expect((await ask(unknown, "nobody")).body.detail).toMatch(/no recipient/);
    const { status, body } = await ask("dlv_01jd3v8qyee7fr8xmcsnh5hbcd", "u0");
    expect([status, body.errors]).toMatchObject([422, [{ in: "query", field: "source" }]]);
  });
});
