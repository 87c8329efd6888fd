import { Client, Connection } from "@temporalio/client";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { answerOf, createClient } from "../../api/client/index.ts";
import { startTemporaryStack, type TemporaryStack } from "../../cli/demo/temporary-stack.ts";
import { publicId } from "../../domain/ids.ts";
import { minuteMs } from "../../domain/time/durations.ts";
import { type Preferences } from "../../domain/policy/preferences.ts";
import { weekdays } from "../../domain/time/local-time.ts";
import { laneNames } from "../../domain/delivery/queues.ts";
import { inFlightBound } from "../../workers/worker.ts";
import { digestId } from "../../workflows/names.ts";
import { wakeQueue } from "../../workflows/client.ts";
import { type ArrivedMail, type MailServer, startMailServer } from "./mail-server.ts";
import { breakListeners } from "../support/listeners.ts";
import { patience } from "../support/patience.ts";

const lanes = 4;

/** The one that is preferred, and the one that takes over. */
let first: MailServer;
let second: MailServer;
let stack: TemporaryStack;
let api: ReturnType<typeof createClient>["v1"];
let temporal: Client;
let database: pg.Pool;

beforeAll(async () => {
  [first, second] = await Promise.all([startMailServer("first"), startMailServer("second")]);
  stack = await startTemporaryStack({
    environment: {
      ...process.env,
      CAMPAIGN_LANES: String(lanes),
      MAX_UNSENT_PER_RECIPIENT: "2000",
      RETRY_BASE_MS: "500",
    },
    workers: 2,
    smtpUrl: `${first.url} ${second.url}`,
  });
  api = createClient({ url: stack.urls.api, apiKey: stack.apiKey }).v1;
  database = new pg.Pool({ connectionString: stack.databaseUrl });
  temporal = new Client({
    connection: await Connection.connect({ address: stack.temporalAddress }),
  });
  await answerOf(
    api.templates.$post({
      header: {},
      json: {
        key: "event",
        name: "Event",
        content: { email: { subject: "(event {{ n }})", html: "<p>(event {{ n }})</p>" } },
      },
    }),
  );
});

/** No limit stands in the way but where a test sets one. */
beforeEach(() => setLimits({ perMinute: 10_000, perHour: 10_000, perDay: 10_000 }));

afterAll(async () => {
  await temporal?.connection.close();
  await database?.end();
  await stack?.stop();
  await Promise.all([first?.stop(), second?.stop()]);
});

const setLimits = (limits: { perMinute: number; perHour: number; perDay: number }) =>
  answerOf(api.policy.$patch({ header: { "if-match": "*" }, json: { limits } }));

/** Its id as the ledger has it. */
async function person(
  externalId: string,
  preferences: Preferences,
  attributes = {},
): Promise<string> {
  const param = { recipient: externalId };
  await answerOf(
    api.recipients[":recipient"].$put({
      param,
      json: { email: addressOf(externalId), attributes },
    }),
  );
  await answerOf(
    api.recipients[":recipient"].preferences.$put({
      param,
      header: {},
      json: { maxPerHour: 1_000, ...preferences },
    }),
  );
  const { rows } = await database.query<{ id: string }>(
    "SELECT id FROM recipients WHERE external_id = $1",
    [externalId],
  );
  return rows[0]!.id;
}

const addressOf = (externalId: string) => `${externalId}@example.org`;

async function notify(to: string, n: number, more: { type?: string; priority?: "high" } = {}) {
  const { id } = await answerOf(
    api.notifications.$post({
      header: { "idempotency-key": `${to}-${n}` },
      json: { recipients: [to], template: { key: "event" }, data: { n }, ...more },
    }),
  );
  return id;
}

/** The id of a notification's one delivery. */
async function deliveryOf(notification: string): Promise<string> {
  const param = { id: notification };
  const { deliveries } = await answerOf(api.notifications[":id"].$get({ param }));
  return deliveries[0]!.id;
}

const mails = (): ArrivedMail[] => [...first.mails, ...second.mails];
const mailsTo = (externalId: string) => mails().filter(({ to }) => to === addressOf(externalId));
const hasArrived = (deliveryId: string) => mails().some((mail) => mail.deliveryId === deliveryId);

const becomes = (assertion: () => void | Promise<void>) => vi.waitFor(assertion, patience);

/** Of a worker, from how it calls itself to Temporal. */
const pidOf = (identity: string) => Number.parseInt(identity, 10);

function groupedBy<Item>(items: readonly Item[], keyOf: (item: Item) => string) {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}

/** Calls `work` with 0, 1, …, at most `callers` at once. */
async function inTurns(count: number, callers: number, work: (n: number) => Promise<unknown>) {
  let next = 0;
  const caller = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: callers }, caller));
}

describe("a thousand events to one recipient, and a worker that is killed amid them", () => {
  const events = 1_000;
  const deadlines = 603;
  const batchSize = 5;
  const batches = Math.ceil(deadlines / batchSize);

  interface Member {
    n: number;
    type: string;
    group: string | null;
    kind: string | null;
    groupStatus: string | null;
    memberCount: number | null;
    status: string;
    sent: number;
    interrupted: number;
  }

  const membersOf = async (recipient: string) =>
    (
      await database.query<Member>(
        `SELECT (n.data->>'n')::int AS n, t.key AS type, d.group_id AS "group", g.kind, g.status AS "groupStatus", g.member_count AS "memberCount", d.status,
           count(*) FILTER (WHERE a.outcome = 'sent')::int AS sent, count(*) FILTER (WHERE a.failure = 'interrupted')::int AS interrupted
         FROM deliveries d JOIN notifications n ON n.id = d.notification_id JOIN notification_types t ON t.id = n.type_id
           LEFT JOIN groups g ON g.id = d.group_id LEFT JOIN attempts a ON a.delivery_id = d.id
         WHERE d.recipient_id = $1 GROUP BY d.id, d.group_id, d.status, n.id, t.id, g.id`,
        [recipient],
      )
    ).rows;

  it("are each in exactly one batch or digest", async () => {
    // Far from now, so that no digest's time comes by itself.
    const weekday = weekdays[(new Date().getUTCDay() + 2) % weekdays.length]!;
    await answerOf(
      api["notification-types"][":key"].$patch({
        param: { key: "habit.reminder" },
        header: { "if-match": "*" },
        json: { preferences: { digest: { mode: "weekly", weekday } } },
      }),
    );
    const recipient = await person("ada", {
      batching: { maximumSize: batchSize, windowMinutes: 120 },
    });
    const posting = inTurns(events, 16, (n) =>
      notify("ada", n, { type: n < deadlines ? "task.deadline" : "habit.reminder" }),
    );

    await becomes(() => expect(mailsTo("ada").length).toBeGreaterThan(batches / 4));
    first.hold();
    await becomes(() => expect(first.unanswered()).toBeGreaterThan(0));
    const queue = await queueOf(recipient);
    await stack.kill("worker", await workerAt(queue));
    first.release();
    const before = mailsTo("ada").length;
    expect(before).toBeLessThan(batches);
    await posting;

    // All but the last batch are full, and have gone out; that one and the digest wait for their time.
    await becomes(async () => {
      const members = await membersOf(recipient);
      expect(members.filter(({ status }) => status === "sent")).toHaveLength(
        deadlines - (deadlines % batchSize),
      );
      expect(members.filter(({ group }) => group === null)).toEqual([]);
    });
    await database.query(
      `WITH come AS (UPDATE groups SET closes_at = now() WHERE recipient_id = $1 AND status = 'open' RETURNING id)
         UPDATE open_deliveries SET due_at = date_trunc('milliseconds', now()) FROM come WHERE group_id = come.id`,
      [recipient],
    );
    await wakeQueue(temporal, queue);
    await temporal.schedule.getHandle(digestId).trigger();
    await becomes(async () => {
      const open = (await membersOf(recipient)).filter(({ status }) => status !== "sent");
      expect(open).toEqual([]);
    });

    const members = await membersOf(recipient);
    expect(members.map(({ n }) => n).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: events }, (_, n) => n),
    );
    for (const { sent, groupStatus } of members)
      expect({ sent, groupStatus }).toEqual({ sent: 1, groupStatus: "closed" });
    expect(members.some(({ interrupted }) => interrupted > 0)).toBe(true);

    const groups = groupedBy(members, ({ group }) => group!);
    const sizes = [...groups.values()].map((all) => {
      const [{ kind, type, memberCount }] = all as [Member, ...Member[]];
      expect(all.every((member) => member.type === type)).toBe(true);
      expect(memberCount).toBe(all.length);
      return `${kind} of ${all.length} ${type}`;
    });
    expect(counted(sizes)).toEqual({
      [`batch of ${batchSize} task.deadline`]: batches - 1,
      [`batch of ${deadlines % batchSize} task.deadline`]: 1,
      [`digest of ${events - deadlines} habit.reminder`]: 1,
    });

    // The mails are those groups, and a batch says what the ledger says is in it.
    const arrived = mailsTo("ada");
    expect(arrived.filter(({ groupId }) => groupId === null)).toEqual([]);
    expect(new Set(arrived.map(({ groupId }) => groupId))).toEqual(
      new Set([...groups.keys()].map((id) => publicId("group", id))),
    );
    for (const [id, all] of groups) {
      const copies = arrived.filter(({ groupId }) => groupId === publicId("group", id));
      expect(new Set(copies.map(({ messageId }) => messageId)).size).toBe(1);
      if (all[0]!.kind === "digest") continue;
      for (const copy of copies) expect(saidIn(copy)).toEqual(new Set(all.map(({ n }) => n)));
    }
    expect(arrived.length - groups.size).toBeLessThanOrEqual(inFlightBound.delivery);
    await stack.restart("worker", 0);
    await stack.restart("worker", 1);
  });

  const saidIn = ({ text }: ArrivedMail) =>
    new Set([...text.matchAll(/\(event (\d+)\)/g)].map(([, n]) => Number(n)));

  const counted = (words: readonly string[]) =>
    Object.fromEntries(
      [...groupedBy(words, (word) => word)].map(([word, all]) => [word, all.length]),
    );

  const queueOf = async (recipient: string) =>
    (
      await database.query<{ queue: string }>(
        "SELECT DISTINCT queue FROM deliveries WHERE recipient_id = $1 AND queue LIKE 'mailbox/%'",
        [recipient],
      )
    ).rows[0]!.queue;

  /** Which worker dispatches the queue. */
  async function workerAt(queue: string): Promise<number> {
    let index = -1;
    await becomes(async () => {
      const { raw } = await temporal.workflow.getHandle(queue).describe();
      const pid = pidOf(raw.pendingActivities?.[0]?.lastWorkerIdentity ?? "");
      index = stack.pids().worker.indexOf(pid);
      expect(index).toBeGreaterThanOrEqual(0);
    });
    return index;
  }
});

it("sends deliveries that quiet hours hold at an operator's request: the waiting workflow is woken", async () => {
  const clock = (hours: number) =>
    new Date(Date.now() + hours * 60 * minuteMs).toISOString().slice(11, 16);
  await person("basil", { quietHours: [{ start: clock(-2), end: clock(2) }] });
  const id = await deliveryOf(await notify("basil", 1));
  const param = { id };
  const delivery = () => answerOf(api.deliveries[":id"].$get({ param }));
  await becomes(async () => expect((await delivery()).reason).toBe("quiet_hours"));
  const { queue } = await delivery();
  const waiting = temporal.workflow.getHandle(queue);
  // The dispatch would stay for a minute, in case that more comes.
  await becomes(async () => {
    await breakListeners((sql) => database.query(sql));
    const { pendingActivities } = (await waiting.describe()).raw;
    expect(pendingActivities ?? []).toEqual([]);
  });
  const { runId, status } = await waiting.describe();
  expect(status.name).toBe("RUNNING");
  expect(hasArrived(id)).toBe(false);

  await answerOf(api.deliveries[":id"].send.$post({ param, header: {} }));
  await becomes(() => expect(hasArrived(id)).toBe(true));
  expect((await waiting.describe()).runId).toBe(runId);
  await becomes(async () =>
    expect(await delivery()).toMatchObject({ status: "sent", attempts: [{ outcome: "sent" }] }),
  );
});

describe("a mail server that fails beside one that does not", () => {
  const stateOf = async (name: string) =>
    (await answerOf(api.providers[":name"].$get({ param: { name } }))).breaker;

  const failuresOf = async (name: string) =>
    (
      await database.query<{ count: number }>(
        "SELECT count(*)::int AS count FROM attempts WHERE provider = $1 AND outcome = 'transient'",
        [name],
      )
    ).rows[0]!.count;

  it("is left alone after five failures, says so, and is used again when trials have passed", async () => {
    await person("cleo", {});
    let posted = 0;
    const oneMore = async () => {
      const id = await deliveryOf(await notify("cleo", posted++));
      await becomes(() => expect(hasArrived(id)).toBe(true));
    };
    // Both are well, whatever came before.
    await database.query("UPDATE breakers SET next_trial_at = now() WHERE provider = 'first'");
    await becomes(async () => {
      const others = second.mails.length;
      await oneMore();
      expect(second.mails.length).toBe(others);
      expect((await stateOf("first")).state).toBe("closed");
    });
    const [untouched, before] = [second.mails.length, posted];
    const failedBefore = await failuresOf("first");

    first.broken = true;
    await becomes(async () => {
      await oneMore();
      expect((await stateOf("first")).state).toBe("open");
    });
    expect(await stateOf("first")).toMatchObject({
      failures: 5,
      reason: expect.stringContaining("421") as unknown,
      nextTrialAt: expect.any(String) as unknown,
    });
    await becomes(async () => {
      const { word, reasons, indicators, breakers } = await answerOf(api.health.$get());
      expect(breakers).toContainEqual({ provider: "first", state: "open" });
      expect(indicators.breakers).toMatchObject({ word: "fair", value: 1 });
      expect(reasons.join("\n")).toContain("breaker of first is open");
      expect(word).not.toBe("good");
    });

    await inTurns(50, 16, oneMore);
    expect(second.mails.length - untouched).toBe(posted - before);
    expect(await stateOf("second")).toMatchObject({ state: "closed", failures: 0 });
    // One of the workers opened it; the other had a second to try once more.
    const failed = await failuresOf("first");
    expect(failed - failedBefore).toBeGreaterThanOrEqual(5);
    expect(failed - failedBefore).toBeLessThanOrEqual(7);

    first.broken = false;
    const taken = first.mails.length;
    await database.query("UPDATE breakers SET next_trial_at = now() WHERE provider = 'first'");
    await becomes(async () => {
      await oneMore();
      expect((await stateOf("first")).state).toBe("closed");
    });
    expect(first.mails.length - taken).toBeGreaterThanOrEqual(3);
    expect(await failuresOf("first")).toBe(failed);
    expect(mailsTo("cleo")).toHaveLength(posted);
  });
});

describe("a limit, two workers, campaigns and notifications at once", () => {
  const perMinute = 3;
  const people = ["dora", "emil", "fay", "gus"];
  const campaigns = 3;
  const notifications = 8;

  interface Sent {
    id: string;
    claimedMs: number;
    ofCampaign: boolean;
  }

  it("no recipient is sent more within any minute, and what waits is sent when there is room", async () => {
    await setLimits({ perMinute, perHour: 10_000, perDay: 10_000 });
    const ids: string[] = [];
    for (const name of people) ids.push(await person(name, {}, { team: "limited" }));
    const asked = await Promise.all(
      Array.from({ length: campaigns }, (_, n) =>
        answerOf(
          api.campaigns.$post({
            header: {},
            json: {
              name: `Campaign ${n}`,
              template: { key: "event" },
              audience: { where: { attribute: "team", equals: "limited" } },
              data: { n },
            },
          }),
        ),
      ),
    );
    await Promise.all([
      ...asked.map(({ id }) =>
        answerOf(api.campaigns[":id"].start.$post({ param: { id }, json: {}, header: {} })),
      ),
      ...people.flatMap((name) =>
        Array.from({ length: notifications }, (_, n) =>
          notify(name, n, n % 2 === 0 ? { priority: "high" } : {}),
        ),
      ),
    ]);

    const sent = async () =>
      (
        await database.query<Sent>(
          `SELECT id, (extract(epoch FROM decided_at) * 1000)::float8 AS "claimedMs", campaign_id IS NOT NULL AS "ofCampaign"
             FROM deliveries WHERE recipient_id = ANY($1) AND status IN ('sending', 'sent')`,
          [ids],
        )
      ).rows;
    const granted = async () =>
      (
        await database.query<{ grantedMs: number[] }>(
          `SELECT ARRAY(SELECT (extract(epoch FROM at) * 1000)::float8 FROM unnest(granted) AS at) AS "grantedMs"
             FROM grant_logs WHERE recipient_id = ANY($1)`,
          [ids],
        )
      ).rows.map(({ grantedMs }) => grantedMs);
    /** Of those that are not sent, what they wait for. */
    const waitFor = async () =>
      (
        await database.query<{ status: string; reason: string | null }>(
          "SELECT DISTINCT status, reason FROM deliveries WHERE recipient_id = ANY($1) AND status <> 'sent'",
          [ids],
        )
      ).rows;
    await becomes(async () => {
      expect(await granted()).toHaveLength(people.length);
      for (const log of await granted()) expect(log).toHaveLength(perMinute);
      expect(await waitFor()).toEqual([{ status: "pending", reason: "organisation_limit" }]);
    });
    await aMinutePasses(ids);
    // Two minutes' worth to everybody, of which every one has arrived.
    let logs: number[][] = [];
    let claims: Sent[] = [];
    let arrived: ArrivedMail[] = [];
    await becomes(async () => {
      logs = await granted();
      claims = await sent();
      arrived = people.flatMap(mailsTo);
      expect(logs).toHaveLength(people.length);
      for (const log of logs) expect(log.length).toBeGreaterThanOrEqual(2 * perMinute);
      expect(logs.flat()).toHaveLength(claims.length);
      expect(arrived.map(({ deliveryId }) => deliveryId!).toSorted()).toEqual(
        claims.map(({ id }) => publicId("delivery", id)).toSorted(),
      );
    });

    for (const log of logs)
      for (const [place, at] of log.slice(perMinute).entries())
        expect(at - log[place]!).toBeGreaterThanOrEqual(minuteMs);
    for (const { id, claimedMs } of claims)
      expect(
        arrived.find(({ deliveryId }) => deliveryId === publicId("delivery", id))!.at,
      ).toBeGreaterThanOrEqual(Math.floor(claimedMs));
    expect(new Set(claims.map(({ ofCampaign }) => ofCampaign))).toEqual(new Set([true, false]));

    await becomes(async () =>
      expect(await waitFor()).toEqual([{ status: "pending", reason: "organisation_limit" }]),
    );
    const dispatchedBy = await dispatchersOf(asked.map(({ id }) => id));
    for (const pid of stack.pids().worker) expect(dispatchedBy).toContain(pid);
  });

  /** As it looks to the limits: what was granted, and what waits for room, are a minute further back. */
  async function aMinutePasses(recipients: readonly string[]): Promise<void> {
    await database.query(
      `UPDATE grant_logs SET granted = ARRAY(
         SELECT at - interval '1 minute' FROM unnest(granted) WITH ORDINALITY AS one(at, place) ORDER BY place
       ) WHERE recipient_id = ANY($1)`,
      [recipients],
    );
    const { rows } = await database.query<{ queue: string }>(
      `WITH moved AS (
         UPDATE open_deliveries SET due_at = due_at - interval '1 minute'
         WHERE recipient_id = ANY($1) AND lease_token IS NULL RETURNING queue
       )
       SELECT DISTINCT queue FROM moved`,
      [recipients],
    );
    for (const { queue } of rows) await wakeQueue(temporal, queue);
  }

  /** The processes that dispatched the campaigns' lanes. */
  async function dispatchersOf(campaignIds: readonly string[]): Promise<Set<number>> {
    const { rows } = await database.query<{ queue: string }>(
      "SELECT DISTINCT queue FROM deliveries WHERE queue = ANY($1)",
      [campaignIds.flatMap((id) => laneNames(id, lanes))],
    );
    const pids = new Set<number>();
    for (const { queue } of rows) {
      const { events } = await temporal.workflow.getHandle(queue).fetchHistory();
      for (const { activityTaskStartedEventAttributes: started } of events ?? [])
        if (started?.identity) pids.add(pidOf(started.identity));
    }
    return pids;
  }
});
