import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Channel } from "../../domain/channel.ts";
import { laneNames, queueName } from "../../domain/delivery/queues.ts";
import { parsePublicId, publicId } from "../../domain/ids.ts";
import { somePreferences, somePriority, someZone } from "../../domain/policy/policy.testing.ts";
import { routedChannels } from "../../domain/policy/route.ts";
import { dayMs, hourMs, minuteMs } from "../../domain/time/durations.ts";
import { freezeAudience } from "../../ledger/freeze-audience.ts";
import { atLedgerTime } from "../support/ledger-time.ts";
import { mailbox } from "../support/policy-world.ts";
import { createRecordingWorker } from "../support/recording-worker.ts";
import { createSeeder } from "../support/seed.ts";
import { type Api, makeKey, sampleTemplate, startApi } from "./harness.ts";

/** Tomorrow at noon, by UTC. */
const noon = new Date(Math.floor(Date.now() / dayMs) * dayMs + dayMs + 12 * hourMs);

/** The time of the API. */
let now = noon;
let api: Api;
let worker: ReturnType<typeof createRecordingWorker>;
beforeAll(async () => {
  api = await startApi({
    clock: () => now,
    config: { mailboxShards: 1, campaignLanes: 1, vapidPublicKey: "a key" },
  });
  worker = createRecordingWorker(api.pool, { others: ["push", "in_app"] });
  const create = async (key: string, content: object) => {
    const { status } = await api.send("POST", "/v1/templates", { ...sampleTemplate, key, content });
    expect(status).toBe(201);
  };
  const note = { title: "Order {{ order }}", body: "On its way" };
  await create("everywhere", { ...sampleTemplate.content, push: note, in_app: note });
  await create("email-only", sampleTemplate.content);
  const topic = { key: "news", name: "News", optIn: "single" };
  await api.send("POST", "/v1/topics", topic);
});
beforeEach(() => clear());
afterAll(() => api.stop());

/** Removes what an earlier test, or an earlier run of a property, has left. */
const clear = () =>
  api.pool.query(
    "TRUNCATE recipients, notifications, campaigns, open_deliveries, ended_deliveries, earlier_attempts, groups, gates, suppressions, policy_versions, routing_rules CASCADE",
  );

const template = { key: "everywhere" };
const data = { order: "A-17" };

interface Person {
  email: boolean;
  push: boolean;
  isSuppressed: boolean;
  /** Whether the recipient is subscribed to the topic of a campaign that has one. */
  isSubscribed: boolean;
  timeZone: string;
  preferences: object;
  /** How many minutes before noon the recipient received messages. */
  granted: readonly number[];
}

const plain: Person = {
  email: true,
  push: false,
  isSuppressed: false,
  isSubscribed: false,
  timeZone: "UTC",
  preferences: {},
  granted: [],
};

/** Creates recipients p0, p1 and so on. */
async function createPeople(people: readonly Partial<Person>[]): Promise<string[]> {
  const names = people.map((_, index) => `p${index}`);
  for (const [index, given] of people.entries()) {
    const person = { ...plain, ...given };
    const email = person.email ? `p${index}@example.org` : null;
    const { status, body } = await api.send("PUT", `/v1/recipients/p${index}`, {
      email,
      timeZone: person.timeZone,
      attributes: { even: index % 2 === 0 },
    });
    expect(status).toBe(201);
    const id = parsePublicId("recipient", body.id)!;
    await api.pool.query(
      "UPDATE recipients SET preferences = $2, preferences_version = 1, address_channels = $3::channel[] WHERE id = $1",
      [id, person.preferences, person.push ? ["push"] : []],
    );
    await api.pool.query(
      "INSERT INTO grant_logs (recipient_id, granted, types, asked) VALUES ($1, $2, $3, '{}')",
      [
        id,
        person.granted
          .toSorted((a, b) => b - a)
          .map((ago) => new Date(noon.getTime() - (ago + 0.5) * minuteMs)),
        person.granted.map(() => 0),
      ],
    );
    if (person.isSubscribed)
      expect((await api.send("PUT", `/v1/topics/news/subscribers/p${index}`, {})).status).toBe(200);
    if (person.isSuppressed && email)
      await api.send("POST", "/v1/suppressions", { channel: "email", address: email });
  }
  return names;
}

async function preview(of: "notifications" | "campaigns", body: object, examples = 20) {
  const reply = await api.send("POST", `/v1/${of}/preview?examples=${examples}`, body);
  expect([reply.status, reply.body.errors]).toEqual([200, undefined]);
  return reply.body;
}

/** Runs everything that is due. A message that changes its channel is due again a millisecond later. */
async function dispatch(lanes: readonly string[] = []): Promise<void> {
  for (let round = 0; round < 3; round++)
    for (const queue of [queueName({ kind: "critical", shard: 0 }), mailbox, ...lanes])
      await worker.dispatch(queue, new Date(now.getTime() + 100));
}

interface Row {
  recipient: string;
  stage: number;
  channel: Channel;
  status: string;
  reason: string | null;
  until: string | null;
}

/** What dispatch decided about the stages that began at once: everything that a preview says of a delivery. */
async function readDecided(id: string): Promise<Row[]> {
  const { rows } = await api.pool.query<Omit<Row, "until"> & { dueAt: Date | null }>(
    `SELECT r.id AS recipient, CASE d.leg WHEN 'primary' THEN 0 ELSE right(d.leg, 1)::int END AS stage, d.channel, d.status, d.reason, d.due_at AS "dueAt"
     FROM deliveries d JOIN recipients r ON r.id = d.recipient_id LEFT JOIN routes o ON o.id = d.route_id
     WHERE $1 IN (d.notification_id, d.campaign_id)
       AND (d.leg = 'primary' OR NOT o.document #> ARRAY['stages', right(d.leg, 1)] ? 'after')`,
    [id],
  );
  return rows.map(({ dueAt, ...row }) => ({
    ...row,
    recipient: publicId("recipient", row.recipient),
    status: row.status === "pending" ? "waiting" : row.status,
    until: minuteOf(dueAt?.toISOString() ?? null),
  }));
}

/** The minute of an instant. Dispatch decides a fraction of a second after the preview, and some waits begin with the decision. */
const minuteOf = <Instant extends string | null>(instant: Instant) =>
  instant && instant.slice(0, "2027-01-01T00:00".length);

const countBy = <Item>(items: readonly Item[], keyOf: (item: Item) => string) => {
  const counts: Record<string, number> = {};
  for (const item of items) counts[keyOf(item)] = (counts[keyOf(item)] ?? 0) + 1;
  return counts;
};

/** Compares everything in a preview with what was then decided. */
function expectForeseen(foreseen: Awaited<ReturnType<typeof preview>>, decided: readonly Row[]) {
  const sorted = (rows: readonly Row[]) =>
    rows.toSorted((a, b) => (`${a.recipient} ${a.stage}` < `${b.recipient} ${b.stage}` ? -1 : 1));
  const examples: Row[] = Object.entries(foreseen.examples).flatMap(([status, list]) =>
    (list as Row[]).map((example) => ({
      ...example,
      status,
      until: minuteOf(example.until),
    })),
  );
  expect(sorted(examples)).toEqual(sorted(decided));
  expect(foreseen.deliveries).toEqual({
    sent: 0,
    waiting: 0,
    suppressed: 0,
    ...countBy(decided, ({ status }) => status),
  });
  const counted = Object.fromEntries(
    foreseen.reasons.map((one: { status: string; reason: string; count: number }) => [
      `${one.status} ${one.reason}`,
      one.count,
    ]),
  );
  const held = decided.filter(({ status }) => status !== "sent");
  expect(counted).toEqual(countBy(held, ({ status, reason }) => `${status} ${reason}`));
  const next: Record<string, number> = {};
  for (const { reason, next: instants } of foreseen.reasons)
    for (const { at, count } of instants) {
      const key = `${reason} ${minuteOf(at)}`;
      next[key] = (next[key] ?? 0) + count;
    }
  const waiting = decided.filter(({ status }) => status === "waiting");
  expect(next).toEqual(countBy(waiting, ({ reason, until }) => `${reason} ${until}`));
  const byChannel = foreseen.channels.flatMap(({ channel, ...counts }: { channel: string }) =>
    Object.entries(counts).map(([status, count]) => [`${channel} ${status}`, count]),
  );
  expect(Object.fromEntries(byChannel.filter(([, count]: [string, number]) => count > 0))).toEqual(
    countBy(decided, ({ channel, status }) => `${channel} ${status}`),
  );
  const reachable = new Set(
    decided.flatMap(({ recipient, reason }) =>
      reason === "no_address" || reason === "address_suppressed" ? [] : recipient,
    ),
  );
  const all = new Set(decided.map(({ recipient }) => recipient));
  expect(foreseen.unreachable).toBe(all.size - reachable.size);
}

const somePerson: fc.Arbitrary<Person> = fc.record({
  email: fc.boolean(),
  push: fc.boolean(),
  isSuppressed: fc.integer({ min: 0, max: 3 }).map((number) => number === 0),
  isSubscribed: fc.boolean(),
  timeZone: someZone,
  preferences: fc
    .tuple(
      somePreferences,
      fc.subarray(["email", "push", "in_app"]),
      fc.shuffledSubarray([...routedChannels]),
    )
    .map(([chosen, off, channelOrder]) => ({
      ...chosen,
      ...(channelOrder.length > 0 && { channelOrder }),
      channels: Object.fromEntries(off.map((channel) => [channel, false])),
    })),
  granted: fc.array(fc.integer({ min: 15, max: 70 }), { maxLength: 4 }),
});

const someVia = fc.oneof(
  fc.constant("preferred" as const),
  fc.shuffledSubarray(["email", "push"], { minLength: 1 }),
);

/** Routes of which at most one stage that begins at once counts towards limits: which of two would come first is not defined. */
const someRoute = fc.option(
  fc.record({ via: someVia, inbox: fc.boolean(), isEscalated: fc.boolean() }).map((of) => ({
    stages: [
      ...(of.inbox ? [{ via: ["in_app"] }] : []),
      { via: of.inbox && of.via === "preferred" ? ["push", "email"] : of.via },
      ...(of.isEscalated ? [{ via: ["email"], after: { minutes: 10, unless: "read" } }] : []),
    ],
  })),
);

const someMessage = fc.record(
  {
    type: fc.constantFrom("task.deadline", "habit.reminder", "report.weekly", "security.alert"),
    priority: somePriority,
    template: fc.constantFrom({ key: "everywhere" }, { key: "email-only" }),
    route: someRoute,
  },
  { requiredKeys: ["template"] },
);

const someExtras = fc.record(
  {
    batchable: fc.constant(false as const),
    bypassRateLimit: fc.constant(true as const),
    dedupKey: fc.constantFrom("a", "b"),
    collapseKey: fc.constantFrom("c", "d"),
    expiresAt: fc
      .constantFrom(-1, 20, 300)
      .map((minutes) => new Date(noon.getTime() + minutes * minuteMs)),
  },
  { requiredKeys: [] },
);

async function accept(body: object): Promise<string> {
  const reply = await api.send("POST", "/v1/notifications", body);
  expect([reply.status, reply.body.errors]).toEqual([202, undefined]);
  return parsePublicId("notification", reply.body.id)!;
}

describe("POST /v1/notifications/preview", () => {
  it("says what dispatch then does, for each recipient", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(somePerson, { minLength: 1, maxLength: 8 }),
        someMessage,
        someExtras,
        fc.array(fc.tuple(someMessage, someExtras), { maxLength: 2 }),
        fc.integer({ min: 1, max: 3 }),
        async (people, message, extras, earlier, perMinute) => {
          await clear();
          await api.send("PATCH", "/v1/policy", { limits: { perMinute } }, { "if-match": "*" });
          const recipients = await createPeople(people);
          for (const [index, [one, more]] of earlier.entries()) {
            now = new Date(noon.getTime() - (earlier.length - index) * 7 * minuteMs);
            await accept({ recipients, data, ...one, ...more });
            await dispatch();
          }
          now = noon;
          const body = { recipients, data, ...message, ...extras };
          const foreseen = await preview("notifications", body);
          const id = await accept(body);
          await dispatch();
          expectForeseen(foreseen, await readDecided(id));
          expect([foreseen.of, foreseen.recipients]).toEqual([people.length, people.length]);
        },
      ),
      { numRuns: 12, endOnFailure: true },
    );
  }, 240_000);

  it("counts recipients who are created or changed by the notification as they would be, and stores none", async () => {
    const [known] = await createPeople([{}, {}]);
    const body = {
      recipients: [
        known,
        { externalId: "p1", email: null },
        { externalId: "new", email: "new@example.org" },
        "new",
        { externalId: "nowhere" },
      ],
      template,
      data,
    };
    const before = await api.pool.query("SELECT * FROM recipients ORDER BY id");
    const foreseen = await preview("notifications", body);
    expect(foreseen).toMatchObject({
      of: 4,
      recipients: 4,
      sampled: false,
      unreachable: 2,
      deliveries: { sent: 2, waiting: 0, suppressed: 2 },
      reasons: [{ status: "suppressed", reason: "no_address", count: 2, next: [] }],
    });
    expect(foreseen.examples.sent.map(({ recipient }: Row) => recipient)).toContain("new");
    expect((await api.pool.query("SELECT * FROM recipients ORDER BY id")).rows).toEqual(
      before.rows,
    );
    const id = await accept(body);
    await dispatch();
    expect(countBy(await readDecided(id), ({ status }) => status)).toEqual({
      sent: 2,
      suppressed: 2,
    });
  });

  it("changes nothing", async () => {
    const recipients = await createPeople([
      {},
      { preferences: { quietHours: [{ start: "11:00", end: "13:00" }] } },
    ]);
    const read = async () =>
      (
        await api.pool.query(
          `SELECT (SELECT count(*) FROM notifications), (SELECT count(*) FROM deliveries), (SELECT count(*) FROM groups), (SELECT count(*) FROM routes),
             (SELECT count(*) FROM inline_contents), (SELECT count(*) FROM attachments), (SELECT count(*) FROM audit_entries), (SELECT count(*) FROM idempotency_keys),
             (SELECT string_agg(granted::text, ' ' ORDER BY recipient_id) FROM grant_logs)`,
        )
      ).rows;
    const before = await read();
    const woken = api.woken.length;
    const foreseen = await preview("notifications", {
      recipients,
      content: { title: "Hello", body: "World" },
      route: {
        stages: [
          { via: ["in_app"] },
          { via: ["email"] },
          { via: ["email"], after: { minutes: 5, unless: "seen" } },
        ],
      },
    });
    expect(foreseen).toMatchObject({
      at: noon.toISOString(),
      deliveries: { sent: 3, waiting: 1, suppressed: 0 },
      reasons: [
        {
          status: "waiting",
          reason: "quiet_hours",
          count: 1,
          next: [{ at: new Date(noon.getTime() + hourMs).toISOString(), count: 1 }],
        },
      ],
      later: [{ stage: 2, after: { minutes: 5, unless: "seen" }, recipients: 2 }],
      routes: [{ origin: "request", recipients: 2 }],
    });
    expect(await read()).toEqual(before);
    expect(api.woken.length).toBe(woken);
  });

  it("is about the time at which the notification would go out", async () => {
    const recipients = await createPeople([
      { preferences: { quietHours: [{ start: "20:00", end: "21:00" }] } },
    ]);
    const sendAt = new Date(noon.getTime() + 8.5 * hourMs);
    const foreseen = await preview("notifications", { recipients, template, data, sendAt });
    expect(foreseen).toMatchObject({
      at: sendAt.toISOString(),
      deliveries: { sent: 0, waiting: 1 },
      reasons: [{ next: [{ at: new Date(noon.getTime() + 9 * hourMs).toISOString() }] }],
    });
    const far = "2099-12-31T23:59:59Z";
    expect(
      await preview("notifications", { recipients, template, data, sendAt: far }),
    ).toMatchObject({
      at: "2099-12-31T23:59:59.000Z",
      deliveries: { sent: 1 },
    });
  });

  it("says why channels are passed over, and shows no more examples than wanted", async () => {
    const recipients = await createPeople([
      { push: true },
      {},
      { preferences: { channels: { push: false } }, push: true },
    ]);
    const route = { stages: [{ via: ["push", "email"] }] };
    const foreseen = await preview("notifications", { recipients, template, data, route }, 1);
    expect(foreseen.channels).toEqual([
      { channel: "push", sent: 1, waiting: 0, suppressed: 0 },
      { channel: "email", sent: 2, waiting: 0, suppressed: 0 },
    ]);
    expect(foreseen.passedOver).toEqual([
      { channel: "push", why: "no_address", count: 1 },
      { channel: "push", why: "channel_off", count: 1 },
    ]);
    expect(foreseen.examples.sent).toHaveLength(1);
    const onlyEmail = { recipients, template: { key: "email-only" }, data, route };
    expect((await preview("notifications", onlyEmail)).passedOver).toEqual([
      { channel: "push", why: "no_content", count: 3 },
    ]);
  });

  it.each([
    ["/recipients/0", { recipients: ["nobody"] }],
    ["/recipients/0/id", { recipients: [{ id: "rcp_01jd3v8qyee7fr8xmcsnh5hbcd" }] }],
    ["/template/key", { template: { key: "no-such" } }],
    ["/type", { type: "no.such" }],
    ["/data/order", { data: { order: 7 } }],
    ["/content", { template: undefined, content: { title: "{{", body: "x" } }],
  ])("refuses %s that the notification would be refused for", async (field, wrong) => {
    await createPeople([{}]);
    const body = { recipients: ["p0"], template, data, ...wrong };
    for (const path of ["/v1/notifications/preview", "/v1/notifications"]) {
      const reply = await api.send("POST", path, body);
      expect([path, reply.status]).toEqual([path, 422]);
      expect(reply.body.errors[0].field).toContain(field);
    }
  });
});

describe("POST /v1/campaigns/preview", () => {
  const all = { all: true };

  it("says what dispatch then does, for each recipient of the audience", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(somePerson, { minLength: 1, maxLength: 8 }),
        someMessage,
        fc.boolean(),
        fc.boolean(),
        async (people, message, hasRules, hasTopic) => {
          await clear();
          if (hasRules) {
            const rule = {
              key: "even",
              name: "Even",
              when: { attribute: "even", equals: true },
              route: { stages: [{ via: ["push", "email"] }] },
            };
            expect((await api.send("POST", "/v1/routing-rules", rule)).status).toBe(201);
          }
          await createPeople(people);
          const body = { name: "A campaign", data, audience: all, ...message };
          if (hasTopic) Object.assign(body, { topic: "news" });
          const foreseen = await preview("campaigns", body);
          const reply = await api.send("POST", "/v1/campaigns", {
            ...body,
            startAt: new Date(noon.getTime() - 1),
          });
          expect([reply.status, reply.body.errors]).toEqual([201, undefined]);
          const id = parsePublicId("campaign", reply.body.id)!;
          await atLedgerTime(api.pool, noon, () => freezeAudience(api.pool, id, reply.body.id), {
            isStopped: true,
          });
          await dispatch(laneNames(reply.body.id, 1));
          expectForeseen(foreseen, await readDecided(id));
        },
      ),
      { numRuns: 12, endOnFailure: true },
    );
  }, 240_000);

  it("decides a random sample of a large audience, and says so", async () => {
    await createSeeder(api.pool).recipients(10_300);
    const body = { name: "A campaign", template, data, audience: all };
    const foreseen = await preview("campaigns", body);
    expect(foreseen.of).toBe(10_300);
    expect(foreseen.recipients).toBeLessThanOrEqual(10_000);
    expect(foreseen).toMatchObject({
      sampled: true,
      deliveries: { sent: foreseen.recipients, waiting: 0, suppressed: 0 },
    });
    const names = ({ examples }: typeof foreseen) =>
      examples.sent.map(({ recipient }: Row) => recipient);
    expect(names(await preview("campaigns", body))).not.toEqual(names(foreseen));
  });

  it("takes segments as they are now, and refuses one that does not exist", async () => {
    await createPeople([{}, {}, {}]);
    const segment = { key: "even-ones", name: "Even", filter: { attribute: "even", equals: true } };
    await api.send("POST", "/v1/segments", segment);
    const body = { name: "A campaign", template, data, audience: { include: ["even-ones"] } };
    expect(await preview("campaigns", body)).toMatchObject({
      of: 2,
      recipients: 2,
      sampled: false,
    });
    const reply = await api.send("POST", "/v1/campaigns/preview", {
      ...body,
      audience: { include: ["no-such"] },
    });
    expect([reply.status, reply.body.errors[0].field]).toEqual([422, "/audience/include/0"]);
  });

  it("lets others be answered meanwhile", async () => {
    await createSeeder(api.pool).recipients(5_000);
    let isDone = false;
    const body = { name: "A campaign", template, data, audience: all };
    const previewing = preview("campaigns", body).finally(() => (isDone = true));
    let answered = 0;
    while (!isDone) {
      expect((await api.send("GET", "/v1/policy")).status).toBe(200);
      answered++;
    }
    await previewing;
    expect(answered).toBeGreaterThan(5);
  });

  it("needs the scope to read, not to write", async () => {
    await createPeople([{}]);
    const { secret } = await makeKey(api, { role: "viewer", scopes: ["campaigns:read"] });
    const as = { authorization: `Bearer ${secret}` };
    const body = { name: "A campaign", template, data, audience: all };
    expect((await api.send("POST", "/v1/campaigns/preview", body, as)).status).toBe(200);
    expect((await api.send("POST", "/v1/campaigns", body, as)).status).toBe(403);
  });
});
