import { MockActivityEnvironment } from "@temporalio/testing";
import type { Pool } from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { createChannels } from "../../activities/channels/channels.ts";
import { createDispatcher } from "../../activities/dispatch/index.ts";
import { parsePublicId, publicId } from "../../domain/ids.ts";
import type { Route } from "../../domain/policy/route.ts";
import { engagementsNow, recordEngagements } from "../../ledger/engagement.ts";
import { createLedger, type Ledger } from "../../ledger/ledger.ts";
import { executeOn } from "../../ledger/sql.ts";
import { inTransaction } from "../../ledger/transaction.ts";
import { acceptRouted } from "../support/accept-routed.ts";
import { atLedgerTime, createUncachedClock } from "../support/ledger-time.ts";
import { testLinks } from "../support/links.ts";
import { patience } from "../support/patience.ts";
import { type Answer, createRecordingChannel } from "../support/recording-channel.ts";
import { createSeeder } from "../support/seed.ts";
import { type Api, startApi } from "./harness.ts";

/*
 * The recipient reads an inbox item in the millisecond in which a worker claims the email that escalates it. The database's clock stands still, so
 * that instants cannot decide, and each order of the two is forced.
 */

let api: Api;
let pool: Pool;
let versionId: string;
beforeAll(async () => {
  api = await startApi({ config: { mailboxShards: 1 } });
  ({ pool } = api);
  versionId = await createSeeder(pool).templateVersion();
  await pool.query("UPDATE template_versions SET content = content || $1", [
    { in_app: { title: "Hello", body: "Hello" } },
  ]);
});
beforeEach(() =>
  pool.query("TRUNCATE open_deliveries, ended_deliveries, notifications, engagements CASCADE"),
);
afterAll(() => api.stop());

const escalating: Route = {
  stages: [{ via: ["in_app"] }, { via: ["email"], after: { minutes: 1, unless: "read" } }],
};

type Claim = Ledger["settleAndClaim"];

/** A worker whose claims of emails `around` performs, and whose inbox items are handed over by `inAppAnswer`. */
function createWorker(
  around: (claim: Claim) => Claim = (claim) => claim,
  inAppAnswer: Answer = () => "sent",
) {
  const ledger = createLedger(pool);
  const claim: Claim = (input) => ledger.settleAndClaim(input);
  const surrounded = around(claim);
  const email = createRecordingChannel();
  const inApp = createRecordingChannel(inAppAnswer, { name: "in_app" });
  const { dispatch } = createDispatcher({
    pool,
    clock: createUncachedClock(pool),
    ledger: {
      ...ledger,
      settleAndClaim(input) {
        const isEmail = input.wanted.some(({ items }) =>
          items.some(({ delivery }) => delivery.channel === "email"),
        );
        return (isEmail ? surrounded : claim)(input);
      },
    },
    channels: createChannels([email.channel, inApp.channel]),
    retry: { baseMs: 60_000, capMs: 3_600_000, attempts: 3 },
    mailboxShards: 1,
    answersMs: 20_000,
    links: testLinks,
    wake: async () => {},
    lingerMs: 0,
  });
  return {
    emails: email.requests,
    dispatch: () => new MockActivityEnvironment().run(dispatch, { queue: "mailbox/0" }),
  };
}

/** Somebody has an inbox item, and the email that follows it is due at `dueAt`. */
async function escalate() {
  const [recipientId] = (await createSeeder(pool).recipients(1)) as [string];
  await acceptRouted(pool, { recipientId, versionId, route: escalating });
  await createWorker().dispatch();
  const { rows } = await pool.query<{ id: string; leg: string; dueAt: Date }>(
    `SELECT id, leg, due_at AS "dueAt" FROM deliveries ORDER BY leg`,
  );
  const [item, escalation] = rows as [(typeof rows)[0], (typeof rows)[0]];
  expect([item.leg, escalation.leg]).toEqual(["primary", "stage:1"]);
  const read = (client: Pick<Pool, "query"> = pool) =>
    recordEngagements(executeOn(client), engagementsNow([item.id], "read"), recipientId);
  /** What became of the email, and its explanation. */
  const outcome = async () => {
    const { body } = await api.send(
      "GET",
      `/v1/deliveries/${publicId("delivery", escalation.id)}/explanation`,
    );
    const { rows: engaged } = await pool.query("SELECT FROM engagements WHERE read_at IS NOT NULL");
    expect(engaged).toHaveLength(1);
    return body;
  };
  // The next millisecond, since a due time has microseconds.
  const at = new Date(escalation.dueAt.getTime() + 1);
  return { read, outcome, at };
}

const frozen = (at: Date, work: () => Promise<unknown>) =>
  atLedgerTime(pool, at, work, { isStopped: true });

/** Resolves when a statement of this database waits for a lock. */
const untilBlocked = () =>
  vi.waitFor(async () => {
    const { rows } = await pool.query(
      "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
    );
    expect(rows).not.toEqual([]);
  }, patience);

describe("an inbox item that is read in the millisecond of the claim of its escalation", () => {
  const leftOut = {
    status: "suppressed",
    reason: "already_reached",
    summary: "It was not sent: an earlier stage of its route has reached the recipient.",
    decision: { kind: "suppress", reason: "already_reached" },
    consistent: true,
    attempts: { count: 0 },
  };

  it("before it, stops it, although the worker had decided to send it", async () => {
    const { read, outcome, at } = await escalate();
    const worker = createWorker((claim) => async (input) => {
      await read();
      return claim(input);
    });
    await frozen(at, worker.dispatch);
    expect(worker.emails).toEqual([]);
    expect(await outcome()).toMatchObject(leftOut);
  });

  it("before it, and committed after it has begun, stops it", async () => {
    const { read, outcome, at } = await escalate();
    const worker = createWorker((claim) => async (input) => {
      let claiming: ReturnType<Claim> | undefined;
      await inTransaction(pool, async (client) => {
        await read(client as unknown as Pool);
        claiming = claim(input);
        await untilBlocked();
      });
      return claiming!;
    });
    await frozen(at, worker.dispatch);
    expect(worker.emails).toEqual([]);
    expect(await outcome()).toMatchObject(leftOut);
  });

  it.each(["before the claim is committed", "after the claim is committed"])(
    "after it (%s), does not stop it, and the explanation says which came first",
    async (when) => {
      const { read, outcome, at } = await escalate();
      const worker = createWorker((claim) => async (input) => {
        if (when.startsWith("after")) {
          const claimed = await claim(input);
          await read();
          return claimed;
        }
        return inTransaction(pool, async (client) => {
          const claimed = await createLedger(client as unknown as Pool).settleAndClaim(input);
          // It waits for nobody, and leaves the claimed row alone.
          await read();
          return claimed;
        });
      });
      await frozen(at, worker.dispatch);
      expect(worker.emails).toHaveLength(1);
      const explanation = await outcome();
      expect(explanation).toMatchObject({
        status: "sent",
        reason: null,
        decision: { kind: "send", reason: null },
        consistent: true,
        attempts: { count: 1 },
      });
      expect(explanation.notes).toEqual([
        "An earlier stage has reached the recipient, but only after this decision.",
      ]);
    },
  );
});

it("an inbox item that is read before its own delivery is settled stops the escalation that is written then", async () => {
  const [recipientId] = (await createSeeder(pool).recipients(1)) as [string];
  await acceptRouted(pool, { recipientId, versionId, route: escalating });
  const worker = createWorker(undefined, async ({ messageId }) => {
    const deliveryIds = [parsePublicId("delivery", messageId)!];
    await recordEngagements(executeOn(pool), engagementsNow(deliveryIds, "read"), recipientId);
    return "sent" as const;
  });
  await worker.dispatch();
  const inTwoMinutes = new Date(Date.now() + 120_000);
  await atLedgerTime(pool, inTwoMinutes, worker.dispatch);
  expect(worker.emails).toEqual([]);
  const { rows } = await pool.query("SELECT leg, status, reason FROM deliveries ORDER BY leg");
  expect(rows).toEqual([
    { leg: "primary", status: "sent", reason: null },
    { leg: "stage:1", status: "suppressed", reason: "already_reached" },
  ]);
});
