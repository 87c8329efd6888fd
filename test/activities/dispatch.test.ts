import { createUncachedClock, atLedgerTime } from "../support/ledger-time.ts";
import { MockActivityEnvironment } from "@temporalio/testing";
import { DefaultLogger } from "@temporalio/worker";
import type { Pool } from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { createChannels } from "../../activities/channels/channels.ts";
import { createDispatcher } from "../../activities/dispatch/index.ts";
import { createLedger, type Ledger } from "../../ledger/ledger.ts";
import { newUuid, publicId } from "../../domain/ids.ts";
import { queueName } from "../../domain/delivery/queues.ts";
import { advanceCampaign } from "../support/campaign-worker.ts";
import { createLedgerDatabase, type LedgerDatabase } from "../support/ledger-database.ts";
import { testLinks } from "../support/links.ts";
import { createRecordingChannel, type Answer } from "../support/recording-channel.ts";
import { patience } from "../support/patience.ts";
import { countMostIn } from "../support/sliding-seconds.ts";

const queue = "mailbox/0";
const inFlightBound = 10;
const retry = { baseMs: 60_000, capMs: 3_600_000, attempts: 3 };

let database: LedgerDatabase;
let pool: Pool;
let seed: LedgerDatabase["seed"];

beforeAll(async () => {
  database = await createLedgerDatabase();
  ({ pool, seed } = database);
});
beforeEach(() => database.empty());
afterAll(async () => {
  await database.drop();
});

/** Creates a worker's dispatch over a channel that returns `answer`. */
function worker(
  answer?: Answer,
  ledger: Ledger = createLedger(pool),
  stays: { answersMs?: number } = { answersMs: 20_000 },
) {
  const recording = createRecordingChannel(answer);
  const { dispatch } = createDispatcher({
    pool,
    clock: createUncachedClock(pool),
    ledger,
    channels: createChannels([recording.channel]),
    retry,
    mailboxShards: 1,
    links: testLinks,
    wake: () => Promise.resolve(),
    ...stays,
  });
  return {
    ...recording,
    dispatch: (name: string, environment = new MockActivityEnvironment(), at?: Date) =>
      atLedgerTime(
        pool,
        at,
        () => environment.run(dispatch, { queue: name }) as ReturnType<typeof dispatch>,
      ),
  };
}

async function runningCampaign(
  recipients: number,
  options: { laneCount?: number; guarantee?: "at_least_once" | "at_most_once" } = {},
) {
  await seed.recipients(recipients);
  const campaign = await seed.campaign({ laneCount: 1, ...options });
  const step = await advanceCampaign(pool, campaign.publicId);
  expect(step).toMatchObject({ next: "drain" });
  return {
    ...campaign,
    lane: (lane: number) => queueName({ kind: "lane", campaignId: campaign.publicId, lane }),
  };
}

const statuses = () => database.statuses();

describe("dispatch", () => {
  it("sends each row of its queue once, and none of another's", async () => {
    const recipients = await seed.recipients(700);
    await seed.notification({ recipientIds: recipients, queue });
    await seed.notification({ recipientIds: recipients.slice(0, 5), queue: "mailbox/1" });
    const { dispatch, copies, mostOpen } = worker();
    expect(await dispatch(queue)).toEqual({
      nextDueAt: null,
      waitMs: null,
      waitsFor: null,
      open: 0,
      counts: { sent: 700 },
    });
    expect(copies().size).toBe(700);
    expect(await statuses()).toEqual({ sent: 700, pending: 5 });
    expect(mostOpen()).toBeLessThanOrEqual(inFlightBound);
  });

  it("sends each row once though two workers drain the queue at the same time", async () => {
    await seed.notification({ recipientIds: await seed.recipients(600), queue });
    const workers = [worker(), worker()];
    await Promise.all(workers.map(({ dispatch }) => dispatch(queue)));
    const ids = workers.flatMap(({ requests }) => requests.map(({ messageId }) => messageId));
    expect(ids).toHaveLength(600);
    expect(new Set(ids).size).toBe(600);
  });

  it("holds a transient failure for its backoff, and says when to come back", async () => {
    await seed.notification({ recipientIds: await seed.recipients(2), queue });
    const before = Date.now();
    const result = await worker(() => "transient").dispatch(queue);
    expect(result).toMatchObject({ waitsFor: "retry", open: 2, counts: { pending: 2 } });
    expect(Date.parse(result.nextDueAt!)).toBeGreaterThanOrEqual(before + retry.baseMs / 2);
    expect(Date.parse(result.nextDueAt!)).toBeLessThanOrEqual(Date.now() + retry.baseMs);
    const { dispatch, requests } = worker();
    expect(
      await dispatch(queue, new MockActivityEnvironment(), new Date(Date.now() + retry.baseMs)),
    ).toMatchObject({ counts: { sent: 2 }, nextDueAt: null });
    expect(requests).toHaveLength(2);
  });

  it("fails the one delivery whose template fails, and sends its neighbours", async () => {
    const [bad] = await seed.notification({ recipientIds: await seed.recipients(20), queue });
    const { dispatch } = worker(({ messageId }) =>
      messageId === publicId("delivery", bad!) ? "template_error" : "sent",
    );
    await dispatch(queue);
    expect(await statuses()).toEqual({ sent: 19, failed: 1 });
    const { rows } = await pool.query(
      "SELECT reason, detail FROM deliveries WHERE status = 'failed'",
    );
    expect(rows).toEqual([{ reason: "template_error", detail: "as told" }]);
  });

  it("suppresses who has no address, and who was erased since", async () => {
    const [erased, ...others] = await seed.recipients(3);
    const unreachable = await seed.recipients(2, { email: false });
    await seed.notification({ recipientIds: [erased!, ...others, ...unreachable], queue });
    await pool.query("UPDATE recipients SET erased_at = now(), email = NULL WHERE id = $1", [
      erased,
    ]);
    expect((await worker().dispatch(queue)).counts).toEqual({ sent: 2, suppressed: 3 });
    const { rows } = await pool.query(
      "SELECT reason, count(*)::int FROM deliveries WHERE status = 'suppressed' GROUP BY reason ORDER BY reason",
    );
    expect(rows).toEqual([
      { reason: "no_address", count: 2 },
      { reason: "recipient_erased", count: 1 },
    ]);
  });

  it("stops soon after its campaign is paused: no more than what was claimed goes out", async () => {
    const campaign = await runningCampaign(500);
    let paused: Promise<unknown> | undefined;
    const { dispatch, requests } = worker(async () => {
      paused ??= pool.query("UPDATE campaigns SET status = 'paused'");
      await paused;
      return "sent" as const;
    });
    expect(await dispatch(campaign.lane(0))).toMatchObject({ nextDueAt: null });
    // One batch claimed and not begun, and one that was being claimed.
    expect(requests.length).toBeLessThanOrEqual(inFlightBound + 2 * 64);
    expect(await statuses()).toEqual({ sent: requests.length, pending: 500 - requests.length });
  });

  it("takes no more than the throttle grants, over all lanes", async () => {
    const campaign = await runningCampaign(200, { laneCount: 2 });
    await pool.query("INSERT INTO gates (key, permits_per_second, burst) VALUES ($1, 0.001, 25)", [
      `campaign/${campaign.publicId}`,
    ]);
    const { dispatch, requests } = worker();
    const results = await Promise.all([0, 1].map((lane) => dispatch(campaign.lane(lane))));
    expect(requests).toHaveLength(25);
    for (const { waitsFor, nextDueAt } of results) {
      expect(waitsFor).toBe("throttle");
      expect(Date.parse(nextDueAt!)).toBeGreaterThan(Date.now() + 500_000);
    }
  });

  it("hands over no more within any second than the throttle and its burst, over all lanes and workers", async () => {
    const campaign = await runningCampaign(150, { laneCount: 2 });
    await pool.query("INSERT INTO gates (key, permits_per_second, burst) VALUES ($1, 100, 10)", [
      `campaign/${campaign.publicId}`,
    ]);
    const takenMs: number[] = [];
    const note = () => {
      takenMs.push(performance.now());
      return "sent" as const;
    };
    const workers = [worker(note), worker(note)];
    await Promise.all(
      [0, 1].flatMap((lane) => workers.map((one) => one.dispatch(campaign.lane(lane)))),
    );
    expect(takenMs).toHaveLength(150);
    expect(countMostIn(takenMs)).toBeLessThanOrEqual(110);
    expect(await statuses()).toEqual({ sent: 150 });
  });

  it("releases what was held back at the rate of release, and writes each of them down once more at most", async () => {
    await seed.notification({ recipientIds: await seed.recipients(200), queue });
    await pool.query("UPDATE deliveries SET reason = 'quiet_hours', hold_count = 1");
    await pool.query(
      "INSERT INTO policy_versions (version, document, created_by) VALUES (1, $1, 'test')",
      [{ release: { channelPerSecond: 100 } }],
    );
    const takenMs: number[] = [];
    const { dispatch } = worker(() => {
      takenMs.push(performance.now());
      return "sent";
    });
    let held = 0;
    while (takenMs.length < 200) held += (await dispatch(queue)).counts.held ?? 0;
    expect(countMostIn(takenMs)).toBeLessThanOrEqual(110);
    expect(held).toBeLessThanOrEqual(200);
    expect(await statuses()).toEqual({ sent: 200 });
    await pool.query("TRUNCATE policy_versions");
  });

  it("on cancellation lets what was handed over end, and leaves the rest untouched", async () => {
    await seed.notification({ recipientIds: await seed.recipients(400), queue });
    const environment = new MockActivityEnvironment();
    const { dispatch, requests } = worker(() => {
      environment.cancel("WORKER_SHUTDOWN");
      return "sent";
    });
    await dispatch(queue, environment);
    const { sent = 0, pending = 0, sending = 0 } = await statuses();
    expect(sent).toBe(requests.length);
    expect(sent).toBeLessThan(400);
    expect({ all: sent + pending, sending }).toEqual({ all: 400, sending: 0 });
  });

  it("never sends again what an at-most-once campaign may have sent, and does for another", async () => {
    for (const guarantee of ["at_most_once", "at_least_once"] as const) {
      const campaign = await runningCampaign(3, { guarantee });
      await pool.query(
        "UPDATE deliveries SET status = 'sending', attempt_count = 1, lease_token = $1, lease_until = now() - interval '1 second' WHERE campaign_id = $2",
        [newUuid(), campaign.id],
      );
      const { dispatch, requests } = worker();
      const { counts } = await dispatch(campaign.lane(0));
      expect(counts).toEqual(guarantee === "at_most_once" ? { unknown: 3 } : { sent: 3 });
      expect(requests).toHaveLength(guarantee === "at_most_once" ? 0 : 3);
      const { rows } = await pool.query(
        "SELECT number, outcome, failure FROM attempts JOIN deliveries d ON d.id = delivery_id WHERE campaign_id = $1 GROUP BY 1, 2, 3 ORDER BY 1",
        [campaign.id],
      );
      expect(rows).toEqual([
        { number: 1, outcome: "unknown", failure: "interrupted" },
        ...(guarantee === "at_most_once" ? [] : [{ number: 2, outcome: "sent", failure: null }]),
      ]);
      await pool.query(
        "TRUNCATE recipients, open_deliveries, ended_deliveries, earlier_attempts, campaigns CASCADE",
      );
    }
  });

  it("hands over new messages before released ones, although these have been due for longer", async () => {
    const dueAt = new Date(Date.now() - 60_000);
    const recipientIds = await seed.recipients(6);
    const held = await seed.notification({ recipientIds: recipientIds.slice(1), queue, dueAt });
    await pool.query(
      "UPDATE deliveries SET reason = 'quiet_hours', hold_count = 1 WHERE id = ANY($1)",
      [held],
    );
    const [asked] = await seed.notification({ recipientIds: recipientIds.slice(0, 1), queue });
    const { dispatch, requests } = worker();
    await dispatch(queue);
    expect(requests).toHaveLength(6);
    expect(requests[0]!.messageId).toBe(publicId("delivery", asked!));
  });

  it("keeps outcomes while the ledger is away, and repeats nothing", async () => {
    await seed.notification({ recipientIds: await seed.recipients(10), queue });
    const ledger = createLedger(pool);
    const { dispatch, copies } = worker(() => {
      // From the first outcome on, and for the first try to write it again.
      if (copies().size === 1) {
        vi.spyOn(ledger, "settleAndClaim").mockRejectedValueOnce(
          new Error("the database system is shutting down"),
        );
        vi.spyOn(ledger, "settle").mockRejectedValueOnce(new Error("connection terminated"));
      }
      return "sent";
    }, ledger);
    await dispatch(queue);
    expect(await statuses()).toEqual({ sent: 10 });
    expect([...copies().values()].every((count) => count === 1)).toBe(true);
  });

  it("ends all of several dispatches at once when they are cancelled with much in hand", async () => {
    const recipients = await seed.recipients(400);
    const queues = [0, 1, 2, 3].map((shard) => `mailbox/${shard}`);
    for (const name of queues) await seed.notification({ recipientIds: recipients, queue: name });
    const environments = queues.map(() => new MockActivityEnvironment());
    const { dispatch, requests } = worker(() => {
      for (const environment of environments) environment.cancel("WORKER_SHUTDOWN");
      return "sent";
    });
    await Promise.all(queues.map((name, index) => dispatch(name, environments[index])));
    expect(await statuses()).toEqual({ sent: requests.length, pending: 1_600 - requests.length });
  });

  it("ends a row whose outcome the ledger refuses, without its evidence, and not its neighbours'", async () => {
    const [bad] = await seed.notification({ recipientIds: await seed.recipients(10), queue });
    const { dispatch, channel, copies } = worker();
    const send = channel.send.bind(channel);
    vi.spyOn(channel, "send").mockImplementation(async (request) => {
      const result = await send(request);
      if (result.kind === "attempted" && request.messageId === publicId("delivery", bad!))
        result.attempts[0]!.response = "250 \0";
      return result;
    });
    await dispatch(queue);
    expect(await statuses()).toEqual({ sent: 10 });
    expect([...copies().values()].every((count) => count === 1)).toBe(true);
    const { rowCount } = await pool.query("SELECT FROM attempts");
    expect(rowCount).toBe(9);
  });

  it("repeats what had no answer once, and later than what was refused", async () => {
    await seed.notification({ recipientIds: await seed.recipients(1), queue });
    const { dispatch, requests } = worker(() => "unknown");
    await dispatch(queue);
    expect(requests.map(({ repeatable }) => repeatable)).toEqual([true]);
    const { rows } = await pool.query<{ waitMs: number }>(
      `SELECT (extract(epoch FROM due_at - finished_at) * 1000)::float8 AS "waitMs"
       FROM (SELECT due_at FROM deliveries) d, (SELECT finished_at FROM attempts) a`,
    );
    expect(rows[0]!.waitMs).toBeGreaterThan(retry.baseMs);

    await pool.query("UPDATE deliveries SET due_at = now()");
    await dispatch(queue);
    expect(requests.map(({ repeatable }) => repeatable)).toEqual([true, false]);
    expect(await statuses()).toEqual({ unknown: 1 });
  });

  it("repeats a hand-over that was cut off at once, and as if it were none that had no answer", async () => {
    await seed.notification({ recipientIds: await seed.recipients(1), queue });
    await pool.query(
      "UPDATE deliveries SET status = 'sending', attempt_count = 1, lease_token = $1, lease_until = now() - interval '1 second'",
      [newUuid()],
    );
    const { dispatch, requests } = worker(() => "unknown");
    await dispatch(queue);
    expect(requests.map(({ repeatable }) => repeatable)).toEqual([true]);
    expect(await statuses()).toEqual({ pending: 1 });
  });

  it("gives up on a row that was interrupted as often as it may be tried", async () => {
    await seed.notification({ recipientIds: await seed.recipients(1), queue });
    await pool.query(
      "UPDATE deliveries SET status = 'sending', attempt_count = 3, lease_token = $1, lease_until = now() - interval '1 second'",
      [newUuid()],
    );
    const { dispatch, requests } = worker();
    expect((await dispatch(queue)).counts).toEqual({ unknown: 1 });
    expect(requests).toHaveLength(0);
  });

  it("leaves nothing open of a cancelled campaign, though a hand-over ends in between", async () => {
    const campaign = await runningCampaign(3);
    await pool.query(
      "UPDATE deliveries SET status = 'sending', lease_token = $1, lease_until = now() + interval '1 minute' WHERE id = (SELECT id FROM deliveries LIMIT 1)",
      [newUuid()],
    );
    await pool.query("UPDATE campaigns SET status = 'cancelled'");
    const query = pool.query.bind(pool) as (statement: unknown) => Promise<unknown>;
    const spied = vi.spyOn(pool, "query").mockImplementation((async (statement: {
      text: string;
    }) => {
      if (statement.text.includes("max(lease_until)"))
        await query(
          "UPDATE deliveries SET status = 'pending', lease_token = NULL, lease_until = NULL WHERE status = 'sending'",
        );
      return query(statement);
    }) as never);
    const step = await advanceCampaign(pool, campaign.publicId);
    spied.mockRestore();
    expect(step).toMatchObject({ next: "finished", counts: { cancelled: 3 }, reconciled: true });
  });

  it("fails for Temporal to try again when the ledger cannot be read", async () => {
    const ledger = createLedger(pool);
    vi.spyOn(ledger, "due").mockRejectedValue(new Error("connection refused"));
    const quiet = new MockActivityEnvironment({}, { logger: new DefaultLogger("ERROR") });
    await expect(worker(undefined, ledger).dispatch(queue, quiet)).rejects.toThrow(
      "connection refused",
    );
  });

  it("finds rows that come in while earlier ones are being sent", async () => {
    const [first, second] = await seed.recipients(2);
    await seed.notification({ recipientIds: [first!], queue });
    const { dispatch, requests } = worker(async () => {
      if (requests.length === 1) {
        await seed.notification({ recipientIds: [second!], queue });
        await vi.waitUntil(() => requests.length === 2, patience);
      }
      return "sent" as const;
    });
    expect((await dispatch(queue)).counts).toEqual({ sent: 2 });
  });

  it("ends though a lone message has no answer, so that the wake for the next one starts another", async () => {
    const [first, second] = await seed.recipients(2);
    let answer = () => {};
    const answered = new Promise<void>((resolve) => (answer = resolve));
    const { dispatch, requests } = worker(
      () => answered.then(() => "sent" as const),
      createLedger(pool),
      {},
    );
    await seed.notification({ recipientIds: [first!], queue });
    expect(await dispatch(queue)).toMatchObject({ open: 1, counts: {} });
    await seed.notification({ recipientIds: [second!], queue });
    expect(await dispatch(queue)).toMatchObject({ open: 2, counts: {} });
    expect(requests).toHaveLength(2);
    answer();
    await expect.poll(statuses).toEqual({ sent: 2 });
  });

  it("stays for what comes next where many come", async () => {
    const [late, ...recipientIds] = await seed.recipients(21);
    let asked = 0;
    const ledger = createLedger(pool);
    const { dispatch, requests } = worker(undefined, {
      ...ledger,
      due: async (input) => {
        const found = await ledger.due(input);
        // All have been sent and answered, as the queue is looked at for more.
        if (found.length === 0 && requests.length === 20 && asked++ === 0)
          await seed.notification({ recipientIds: [late!], queue });
        return found;
      },
    });
    await seed.notification({ recipientIds, queue });
    expect((await dispatch(queue)).counts).toEqual({ sent: 21 });
  });
});

describe("a suppressed address", () => {
  it("is not sent to, however it is spelt", async () => {
    const [spelt, free] = await seed.recipients(2);
    await pool.query("UPDATE recipients SET email = 'Ada@BÜCHER.example' WHERE id = $1", [spelt]);
    await pool.query(
      "INSERT INTO suppressions (id, channel, address, reason, created_by) VALUES ($1, 'email', 'ada@xn--bcher-kva.example', 'manual', 'bootstrap')",
      [newUuid()],
    );
    await seed.notification({ recipientIds: [spelt!, free!], queue });
    const { dispatch, requests } = worker();
    expect((await dispatch(queue)).counts).toEqual({ sent: 1, suppressed: 1 });
    expect(requests.map(({ recipient }) => recipient.id)).toEqual([free]);
    const { rows } = await pool.query(
      "SELECT reason FROM deliveries WHERE status = 'suppressed' AND recipient_id = $1",
      [spelt],
    );
    expect(rows).toEqual([{ reason: "address_suppressed" }]);
  });
});

describe("a campaign that is edited while it runs", () => {
  it("sends the new message from the next claim on, and the ledger says who got which", async () => {
    const campaign = await runningCampaign(600);
    const [before, after] = [(await templateVersionOf(campaign.id))!, await seed.templateVersion()];
    let edited: Promise<unknown> | undefined;
    const { dispatch, requests } = worker(async () => {
      // As the API does it.
      await (edited ??= pool.query(
        "UPDATE campaigns SET template_version_id = $2, revision = revision + 1 WHERE id = $1",
        [campaign.id, after],
      ));
      return "sent" as const;
    });
    expect((await dispatch(campaign.lane(0))).counts).toMatchObject({ sent: 600 });
    expect(await statuses()).toEqual({ sent: 600 });
    const { rows } = await pool.query<{ id: string; revision: number }>(
      "SELECT id, revision FROM deliveries",
    );
    const revisions = new Map(rows.map(({ id, revision }) => [publicId("delivery", id), revision]));
    for (const { messageId, templateVersionId } of requests)
      expect(templateVersionId).toBe(revisions.get(messageId) === 1 ? before : after);
    // What was claimed before the edit, and what was read after it: rows read before and not claimed were read again.
    const old = rows.filter(({ revision }) => revision === 1).length;
    expect(old).toBeGreaterThan(0);
    expect(old).toBeLessThan(200);
  });

  const templateVersionOf = async (id: string) =>
    (
      await pool.query<{ version: string }>(
        "SELECT template_version_id AS version FROM campaigns WHERE id = $1",
        [id],
      )
    ).rows[0]?.version;
});

describe("attempts that an operator has forgiven", () => {
  it("do not count towards the limit, and stay as evidence", async () => {
    const [id] = await seed.notification({ recipientIds: await seed.recipients(1), queue });
    await pool.query(
      "UPDATE deliveries SET attempt_count = $2, forgiven_count = $2 WHERE id = $1",
      [id, retry.attempts],
    );
    const { dispatch } = worker(() => "transient");
    expect((await dispatch(queue)).counts).toEqual({ pending: 1 });
    const { rows } = await pool.query("SELECT status, attempt_count, reason FROM deliveries");
    expect(rows).toEqual([
      { status: "pending", attempt_count: retry.attempts + 1, reason: "retry" },
    ]);
  });
});
