import { MockActivityEnvironment } from "@temporalio/testing";
import { beforeEach, describe, expect, it } from "vitest";
import { createChannels } from "../../activities/channels/channels.ts";
import { createDispatcher } from "../../activities/dispatch/index.ts";
import type { Channel } from "../../domain/channel.ts";
import { queueName } from "../../domain/delivery/queues.ts";
import type { ResolvedRoute, Route, Stage } from "../../domain/policy/route.ts";
import { engagementsNow, recordEngagements } from "../../ledger/engagement.ts";
import { recordInbound } from "../../ledger/inbound-reports.ts";
import { createLedger } from "../../ledger/ledger.ts";
import { executeOn } from "../../ledger/sql.ts";
import { cancelDeliveries, retryDeliveries } from "../../ledger/transitions.ts";
import { countEngagements } from "../../ledger/analytics-cells.ts";
import { inTransaction } from "../../ledger/transaction.ts";
import { acceptRouted } from "../support/accept-routed.ts";
import { useLedgerDatabase } from "../support/ledger-database.ts";
import { atLedgerTime, createUncachedClock } from "../support/ledger-time.ts";
import { testLinks } from "../support/links.ts";
import { type Answer, createRecordingChannel } from "../support/recording-channel.ts";

const mailbox = queueName({ kind: "mailbox", shard: 0 });
const start = new Date("2040-01-02T12:00:00Z");
const minutesLater = (minutes: number) => new Date(start.getTime() + minutes * 60_000);
const inAppFirst: Route = {
  stages: [{ via: ["in_app"] }, { via: ["push", "email"], after: { minutes: 10, unless: "read" } }],
};

const database = useLedgerDatabase({ truncate: "routes, engagements" });
let versionId: string;
beforeEach(async () => {
  versionId = await database.seed.templateVersion();
  const note = { title: "Hello", body: "Hello" };
  await database.pool.query("UPDATE template_versions SET content = content || $1", [
    { push: note, in_app: note },
  ]);
});

/** A worker with channels that record, and answer as given. */
function createWorker(answers: Partial<Record<"email" | "push" | "in_app", Answer>> = {}) {
  const { pool } = database;
  const recording = (["email", "push", "in_app"] as const).map((name) =>
    createRecordingChannel(answers[name], { name }),
  );
  const { dispatch } = createDispatcher({
    pool,
    clock: createUncachedClock(pool),
    ledger: createLedger(pool),
    channels: createChannels(recording.map(({ channel }) => channel)),
    retry: { baseMs: 60_000, capMs: 3_600_000, attempts: 2 },
    mailboxShards: 1,
    answersMs: 20_000,
    links: testLinks,
    wake: async () => {},
    lingerMs: 0,
  });
  return {
    /** The channels of the messages that were handed over, in their order. */
    sentOn: () => recording.flatMap(({ channel, requests }) => requests.map(() => channel.name)),
    async dispatch(minutes = 0, queue = mailbox) {
      const environment = new MockActivityEnvironment();
      return atLedgerTime(
        pool,
        minutesLater(minutes),
        () => environment.run(dispatch, { queue }) as ReturnType<typeof dispatch>,
      );
    },
  };
}

/** Accepts a notification to one recipient at `start`. */
const accept = (
  recipientId: string,
  route: ResolvedRoute,
  options: Pick<Parameters<typeof acceptRouted>[1], "priority" | "type"> = {},
) => acceptRouted(database.pool, { recipientId, route, versionId, at: start, ...options });

async function createRecipient({
  devices = true,
  email = true,
  preferences,
}: { devices?: boolean; email?: boolean; preferences?: object } = {}): Promise<string> {
  const [id] = (await database.seed.recipients(1, {
    email,
    ...(preferences && { preferences }),
  })) as [string];
  if (devices) await setDevices(id, ["push"]);
  return id;
}

const setDevices = (id: string, channels: readonly Channel[]) =>
  database.pool.query("UPDATE recipients SET address_channels = $2::channel[] WHERE id = $1", [
    id,
    channels,
  ]);

interface Row {
  leg: string;
  channel: Channel;
  status: string;
  reason: string | null;
}

const readRows = async () =>
  (
    await database.pool.query<Row>(
      "SELECT leg, channel, status, reason FROM deliveries ORDER BY leg, status",
    )
  ).rows;

const readAttempts = async () =>
  (
    await database.pool.query<{ number: number; channel: string; outcome: string }>(
      "SELECT number, channel, outcome FROM attempts ORDER BY delivery_id, number",
    )
  ).rows;

/** Past `recordEngagements`, which would leave later stages out by itself. It counts too. */
const engage = (leg: string, column: "seen_at" | "read_at" | "acted_at") =>
  database.pool.query(
    `WITH added AS (
       INSERT INTO engagements (delivery_id, recipient_id, ${column}, handed_at, channel)
       SELECT id, recipient_id, ledger_now(), ledger_now(), channel FROM deliveries WHERE leg = $1 RETURNING *
     )
     ${countEngagements("added", {
       isRemoved: false,
       at: "m.handed_at",
       valueOf: (kind) =>
         kind === "opens" || kind === "clicks" ? "m.opens" : `(m.${kind}_at IS NOT NULL)::int`,
     })}`,
    [leg],
  );

describe("the stages that begin at once", () => {
  it("are deliveries of their own, which are sent together", async () => {
    const worker = createWorker();
    await accept(await createRecipient(), {
      stages: [{ via: ["in_app"] }, { via: ["push", "email"] }],
    });
    expect(await readRows()).toEqual([
      { leg: "primary", channel: "in_app", status: "pending", reason: null },
      { leg: "stage:1", channel: "push", status: "pending", reason: null },
    ]);
    await worker.dispatch();
    expect((await readRows()).map(({ status }) => status)).toEqual(["sent", "sent"]);
    expect(worker.sentOn()).toEqual(["push", "in_app"]);
  });

  it("wait for quiet hours and count towards limits, except in-app messages", async () => {
    const worker = createWorker();
    const quietHours = [{ start: "11:00", end: "13:00" }];
    const recipient = await createRecipient({ preferences: { quietHours, maxPerHour: 1 } });
    const route: Route = { stages: [{ via: ["in_app"] }, { via: ["email"] }] };
    await accept(recipient, route);
    await accept(recipient, route);
    await worker.dispatch();
    expect(worker.sentOn()).toEqual(["in_app", "in_app"]);
    await worker.dispatch(60);
    expect(worker.sentOn()).toEqual(["email", "in_app", "in_app"]);
    const { rows } = await database.pool.query("SELECT cardinality(granted) AS n FROM grant_logs");
    expect(rows).toEqual([{ n: 1 }]);
  });

  it("wait for no in-app message that is sent before them, because limits do not count it", async () => {
    const worker = createWorker();
    const recipient = await createRecipient({ preferences: { maxPerHour: 1 } });
    await accept(recipient, { stages: [{ via: ["in_app"] }] });
    await accept(recipient, { stages: [{ via: ["email"] }] });
    await worker.dispatch();
    expect(worker.sentOn()).toEqual(["email", "in_app"]);
  });
});

describe("fallback", () => {
  const route: Route = { stages: [{ via: ["push", "email"] }] };

  it("goes on on the next channel when one refuses for good, with all attempts of its own", async () => {
    let refused = 0;
    const worker = createWorker({
      push: () => "permanent",
      email: () => (++refused === 1 ? "transient" : "sent"),
    });
    await accept(await createRecipient(), route);
    await worker.dispatch();
    expect(await readRows()).toEqual([
      { leg: "primary", channel: "email", status: "pending", reason: "retry" },
    ]);
    await worker.dispatch(30);
    expect(await readRows()).toEqual([
      { leg: "primary", channel: "email", status: "sent", reason: null },
    ]);
    expect(await readAttempts()).toEqual([
      { number: 1, channel: "push", outcome: "permanent" },
      { number: 2, channel: "email", outcome: "transient" },
      { number: 3, channel: "email", outcome: "sent" },
    ]);
    expect(
      (await database.pool.query("SELECT failed_channels::text FROM ended_deliveries")).rows,
    ).toEqual([{ failed_channels: "{push}" }]);
  });

  it("goes on when the attempts are used up, and when the content cannot be rendered", async () => {
    const worker = createWorker({ push: () => "transient", email: () => "template_error" });
    await accept(await createRecipient(), { stages: [{ via: ["push", "email", "in_app"] }] });
    await worker.dispatch();
    await worker.dispatch(60);
    expect(await readRows()).toEqual([
      { leg: "primary", channel: "in_app", status: "sent", reason: null },
    ]);
  });

  it("fails with the last channel", async () => {
    const worker = createWorker({ push: () => "permanent", email: () => "permanent" });
    await accept(await createRecipient(), route);
    await worker.dispatch();
    expect(await readRows()).toEqual([
      { leg: "primary", channel: "email", status: "failed", reason: "provider_rejected" },
    ]);
  });

  it("fails, and is not suppressed, when the channels that are left cannot be used", async () => {
    const worker = createWorker({ push: () => "permanent" });
    await accept(await createRecipient({ email: false }), route);
    await worker.dispatch();
    expect(await readRows()).toMatchObject([{ status: "failed", reason: "channels_exhausted" }]);
    expect(worker.sentOn()).toEqual(["push"]);
  });

  it("passes over a channel whose last address is gone, or that is switched off, before it is used", async () => {
    const worker = createWorker();
    const without = await createRecipient();
    const switchedOff = await createRecipient({
      preferences: {
        channels: { email: true, push: false, in_app: true, sms: true, webhook: true },
      },
    });
    await accept(without, route);
    await accept(switchedOff, route);
    expect((await readRows()).map(({ channel }) => channel)).toEqual(["push", "push"]);
    await setDevices(without, []);
    await worker.dispatch();
    expect(worker.sentOn()).toEqual(["email", "email"]);
    expect((await readRows()).map(({ status }) => status)).toEqual(["sent", "sent"]);
  });

  it("suppresses a delivery for which no channel can be used, with the policy's own reason", async () => {
    const worker = createWorker();
    await accept(await createRecipient({ devices: false, email: false }), route);
    await worker.dispatch();
    expect(await readRows()).toMatchObject([{ status: "suppressed", reason: "no_address" }]);
  });

  it("prefers the channel with content of its own", async () => {
    const worker = createWorker();
    versionId = await database.seed.templateVersion("<p>Only an email</p>");
    await accept(await createRecipient(), route);
    await worker.dispatch();
    expect(worker.sentOn()).toEqual(["email"]);
  });

  it("judges the other channels by the message's own content, whatever template a rule chose for one", async () => {
    const worker = createWorker();
    const forPush = await database.seed.templateVersion();
    await database.pool.query("UPDATE template_versions SET content = $2 WHERE id = $1", [
      forPush,
      { push: { title: "Short", body: "Short" } },
    ]);
    const recipient = await createRecipient();
    await accept(recipient, { ...route, templates: { push: forPush } });
    await setDevices(recipient, []);
    await worker.dispatch();
    expect(worker.sentOn()).toEqual(["email"]);
  });

  it("follows the recipient's own order where the stage says so", async () => {
    const worker = createWorker();
    const recipient = await createRecipient({ preferences: { channelOrder: ["in_app", "push"] } });
    await accept(recipient, { stages: [{ via: "preferred" }] });
    await worker.dispatch();
    expect(worker.sentOn()).toEqual(["in_app"]);
  });
});

describe("escalation", () => {
  it("writes the next stage when the one before ends, due after its minutes", async () => {
    const worker = createWorker();
    await accept(await createRecipient(), inAppFirst);
    expect(await readRows()).toHaveLength(1);
    const { nextDueAt, waitsFor } = await worker.dispatch();
    expect(await readRows()).toMatchObject([
      { leg: "primary", status: "sent" },
      { leg: "stage:1", channel: "push", status: "pending", reason: "earlier_stage" },
    ]);
    expect(new Date(nextDueAt!).getTime()).toBeGreaterThanOrEqual(minutesLater(10).getTime());
    expect(waitsFor).toBe("earlier_stage");
    await worker.dispatch(9);
    expect(worker.sentOn()).toEqual(["in_app"]);
    await worker.dispatch(11);
    expect(worker.sentOn()).toEqual(["push", "in_app"]);
    expect((await readRows()).map(({ status }) => status)).toEqual(["sent", "sent"]);
  });

  it("is left out once an earlier stage has come as far as it has to, also for critical messages", async () => {
    const worker = createWorker();
    await accept(await createRecipient(), inAppFirst, { priority: "critical" });
    const critical = queueName({ kind: "critical", shard: 0 });
    await worker.dispatch(0, critical);
    await engage("primary", "seen_at");
    await worker.dispatch(5, critical);
    await database.pool.query("UPDATE engagements SET read_at = ledger_now()");
    await worker.dispatch(11, critical);
    expect(await readRows()).toMatchObject([
      { status: "sent" },
      { leg: "stage:1", status: "suppressed", reason: "already_reached" },
    ]);
    expect(worker.sentOn()).toEqual(["in_app"]);
    // The numbers do not know of what was written past `recordEngagements`.
    await database.pool.query("UPDATE engagements SET read_at = NULL");
  });

  it("is left out in the moment in which its recipient reads an earlier stage, and the next one may follow", async () => {
    const { pool } = database;
    const worker = createWorker();
    const after = (minutes: number, unless: "seen" | "acted") => ({ minutes, unless });
    const recipientId = await createRecipient();
    await accept(recipientId, {
      stages: [
        { via: ["in_app"] },
        { via: ["push"], after: after(10, "seen") },
        { via: ["email"], after: after(20, "acted") },
      ],
    });
    await worker.dispatch();
    const { rows } = await pool.query<{ id: string }>(
      "SELECT id FROM deliveries WHERE leg = 'primary'",
    );
    await atLedgerTime(pool, minutesLater(2), () =>
      recordEngagements(
        executeOn(pool),
        engagementsNow(
          rows.map(({ id }) => id),
          "read",
        ),
        recipientId,
      ),
    );
    expect(await readRows()).toMatchObject([
      { leg: "primary", status: "sent" },
      { leg: "stage:1", status: "suppressed", reason: "already_reached" },
      { leg: "stage:2", channel: "email", status: "pending", reason: "earlier_stage" },
    ]);
    await worker.dispatch(21);
    expect(worker.sentOn()).toEqual(["in_app"]);
    await worker.dispatch(23);
    expect(worker.sentOn()).toEqual(["email", "in_app"]);
  });

  it("begins at once when the stage before has failed, or has no address", async () => {
    const worker = createWorker({ push: () => "permanent" });
    const after = { minutes: 30, unless: "sent" as const };
    const stages: Route = { stages: [{ via: ["push"] }, { via: ["email"], after }] };
    await accept(await createRecipient(), stages);
    await accept(await createRecipient({ devices: false }), stages);
    await worker.dispatch();
    await worker.dispatch(1);
    expect(await readRows()).toMatchObject([
      { leg: "primary", status: "failed" },
      { leg: "primary", status: "suppressed", reason: "no_address" },
      { leg: "stage:1", channel: "email", status: "sent" },
      { leg: "stage:1", channel: "email", status: "sent" },
    ]);
  });

  it("is decided again when the message for which it was left out is returned within a day", async () => {
    const worker = createWorker();
    const last: Stage = { via: ["push"], after: { minutes: 10, unless: "sent" } };
    const bounceAfter = async (stages: Route["stages"], minutes: number) => {
      const recipientId = await createRecipient();
      await accept(recipientId, { stages });
      await worker.dispatch();
      await worker.dispatch(11);
      const { rows } = await database.pool.query<{ id: string; reason: string | null }>(
        "SELECT id, reason FROM ended_deliveries WHERE recipient_id = $1 ORDER BY leg",
        [recipientId],
      );
      expect(rows.at(-1)!.reason).toBe("already_reached");
      const { changed } = await atLedgerTime(database.pool, minutesLater(minutes), () =>
        inTransaction(database.pool, (client) =>
          recordInbound(executeOn(client), {
            id: recipientId,
            source: "smtp",
            message: { delivery: rows[0]!.id },
            reports: [
              {
                kind: "bounced",
                addresses: [],
                failure: "unknown_address",
                reply: null,
                at: null,
              },
            ],
          }),
        ),
      );
      await worker.dispatch(minutes + 1);
      const { rows: later } = await database.pool.query<{ status: string }>(
        "SELECT status FROM deliveries WHERE recipient_id = $1 ORDER BY leg DESC LIMIT 1",
        [recipientId],
      );
      return [changed.length, later[0]!.status];
    };
    expect(await bounceAfter([{ via: ["email"] }, last], 30)).toEqual([1, "sent"]);
    expect(await bounceAfter([{ via: ["email"] }, last], 25 * 60)).toEqual([0, "suppressed"]);
    // The inbox item has come as far as the stage asks.
    expect(await bounceAfter([{ via: ["email"] }, { via: ["in_app"] }, last], 30)).toEqual([
      1,
      "suppressed",
    ]);
    expect(worker.sentOn().filter((channel) => channel === "push")).toHaveLength(1);
  });

  it("does not follow a stage that was cancelled, or that no channel would have sent", async () => {
    const { pool } = database;
    const worker = createWorker();
    const typesOff = { types: { "task.deadline": false } };
    await accept(await createRecipient({ preferences: typesOff }), inAppFirst, {
      type: "task.deadline",
    });
    await worker.dispatch();
    await accept(await createRecipient(), inAppFirst);
    const { rows } = await pool.query<{ id: string }>("SELECT id FROM open_deliveries");
    await atLedgerTime(pool, start, () =>
      cancelDeliveries(
        executeOn(pool),
        rows.map(({ id }) => ({ id, groupId: null })),
        "delivery_cancelled",
      ),
    );
    await worker.dispatch(20);
    expect(await readRows()).toMatchObject([
      { status: "suppressed", reason: "type_off" },
      { status: "cancelled" },
    ]);
  });

  it("waits while an earlier stage is still to be sent", async () => {
    const worker = createWorker();
    const quietHours = [{ start: "11:00", end: "13:00" }];
    await accept(await createRecipient({ preferences: { quietHours } }), {
      stages: [
        { via: ["email"] },
        { via: ["in_app"] },
        { via: ["push"], after: { minutes: 5, unless: "acted" } },
      ],
    });
    await worker.dispatch();
    await worker.dispatch(6);
    expect((await readRows()).map(({ leg, status, reason }) => [leg, status, reason])).toEqual([
      ["primary", "pending", "quiet_hours"],
      ["stage:1", "sent", null],
      ["stage:2", "pending", "earlier_stage"],
    ]);
    await worker.dispatch(60);
    await worker.dispatch(66);
    expect(worker.sentOn()).toEqual(["email", "push", "in_app"]);
  });

  it("writes a stage once, even if the one before is retried", async () => {
    const { pool } = database;
    const worker = createWorker({ in_app: () => "permanent" });
    await accept(await createRecipient(), inAppFirst);
    await worker.dispatch();
    await worker.dispatch(1);
    const { rows } = await pool.query<{ id: string }>(
      "SELECT id FROM ended_deliveries WHERE leg = 'primary'",
    );
    await atLedgerTime(pool, minutesLater(2), () =>
      retryDeliveries(
        executeOn(pool),
        [{ id: rows[0]!.id, groupId: null, versionId: null }],
        ["failed"],
      ),
    );
    await worker.dispatch(3);
    expect((await readRows()).map(({ leg, status }) => [leg, status])).toEqual([
      ["primary", "failed"],
      ["stage:1", "sent"],
    ]);
  });
});
