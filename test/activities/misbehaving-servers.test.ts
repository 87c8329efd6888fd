import { createUncachedClock, atLedgerTime } from "../support/ledger-time.ts";
import { MockActivityEnvironment } from "@temporalio/testing";
import type { Pool } from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { createChannels } from "../../activities/channels/channels.ts";
import { createDispatcher } from "../../activities/dispatch/index.ts";
import { findDiscrepancies } from "../../bench/discrepancies.ts";
import { readLedgerAccount } from "../../bench/ledger-account.ts";
import { createRandom } from "../../bench/random.ts";
import { defaultPolicy } from "../../domain/policy/policy.ts";
import { createLedger } from "../../ledger/ledger.ts";
import { provider } from "../channels/email-channel.ts";
import { guardedChannel } from "../channels/guarded-channel.ts";
import {
  closing,
  later,
  startMisbehavingServer,
  type Answers,
} from "../channels/misbehaving-server.ts";
import { createLedgerDatabase, type LedgerDatabase } from "../support/ledger-database.ts";
import { testLinks } from "../support/links.ts";
import { patience } from "../support/patience.ts";

const queue = "mailbox/0";
/** As far apart as lets a whole delivery be seen. */
const retry = { baseMs: 20, capMs: 100, attempts: 10 };
const owed = 60;

let database: LedgerDatabase;
let pool: Pool;
const cleanups: (() => Promise<void>)[] = [];

beforeAll(async () => {
  database = await createLedgerDatabase();
  ({ pool } = database);
});
beforeEach(async () => {
  await database.empty();
  await pool.query("TRUNCATE breakers");
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});
afterAll(() => database.drop());

async function startServer(answers: Answers) {
  const server = await startMisbehavingServer(answers, { extensions: ["PIPELINING"] });
  cleanups.push(() => server.close());
  return server;
}

/** Owes a message to each of sixty people, and dispatches until nothing is open: by the policy's own breakers and gates. */
async function sendToAll(all: Answers[], { connections = 3 } = {}) {
  const servers = await Promise.all(all.map(startServer));
  const guarded = await guardedChannel(
    pool,
    servers.map(({ port }, index) => provider(port, { name: `smtp-${index + 1}`, connections })),
    { breaker: defaultPolicy.breaker },
  );
  cleanups.push(() => guarded.stop());
  const { dispatch } = createDispatcher({
    pool,
    clock: createUncachedClock(pool),
    ledger: createLedger(pool),
    channels: createChannels([guarded.channel]),
    retry,
    mailboxShards: 1,
    answersMs: 20_000,
    links: testLinks,
    wake: () => Promise.resolve(),
    lingerMs: 0,
  });
  const recipientIds = await database.seed.recipients(owed);
  await database.seed.notification({ recipientIds, queue });
  await vi.waitFor(async () => {
    const { open } = await atLedgerTime(
      pool,
      undefined,
      () => new MockActivityEnvironment().run(dispatch, { queue }) as ReturnType<typeof dispatch>,
    );
    expect(open).toBe(0);
  }, patience);

  const rows = await readLedgerAccount(pool);
  const audience = new Set(rows.map(({ address }) => address!));
  const messages = servers.flatMap((server) => server.messages);
  expect(findDiscrepancies({ rows, messages, audience })).toEqual([]);
  expect(audience.size).toBe(owed);
  expect(await database.statuses()).toEqual({ sent: owed });
  expect(messages).toHaveLength(owed);
  return { servers, breakers: guarded.breakers.states() };
}

/** How many rows were handed over so often. */
const attempts = async () =>
  Object.fromEntries(
    (
      await pool.query<{ attempts: number; count: number }>(
        "SELECT attempt_count AS attempts, count(*)::int FROM deliveries GROUP BY 1 ORDER BY 1",
      )
    ).rows.map((row) => [row.attempts, row.count]),
  );

describe("sixty messages are sent once each, and none fails", () => {
  it.each<[string, Answers]>([
    ["at MAIL", ({ phase }) => (phase === "MAIL" ? "554 5.7.1 your IP is blocked" : undefined)],
    ["after contents", ({ phase }) => (phase === "dot" ? "550 5.7.1 blocked as spam" : undefined)],
  ])("over the second of two providers, where the first blocks us %s", async (_, answers) => {
    const { servers, breakers } = await sendToAll([answers, () => undefined]);
    expect(servers[1]!.messages).toHaveLength(owed);
    expect(breakers.get("smtp-1")).toBe("open");
    expect(breakers.get("smtp-2")).toBe("closed");
    // The first was tried a few times, and then no more.
    expect(servers[0]!.refusals.length).toBeLessThan(owed);
  });

  it("over three connections, where the server refuses a fourth of ten", async () => {
    const { breakers } = await sendToAll(
      [
        ({ phase, open }) =>
          phase === "greeting" && open > 3
            ? closing("421 4.7.0 too many connections")
            : phase === "dot"
              ? later(5)
              : undefined,
      ],
      { connections: 10 },
    );
    expect(breakers.get("smtp-1")).toBe("closed");
    expect(await attempts()).toEqual({ 1: owed });
  });

  it.each([
    ["with 421", closing("421 4.7.0 too many messages")],
    ["with 452", "452 4.5.3 too many messages"],
    ["with 554", "554 5.7.0 too many messages"],
  ])(
    "over one connection after the other, where the server ends each after five %s",
    async (_, answer) => {
      const { servers, breakers } = await sendToAll([
        ({ phase, taken }) => (phase === "MAIL" && taken >= 5 ? answer : undefined),
      ]);
      expect(breakers.get("smtp-1")).toBe("closed");
      expect(await attempts()).toEqual({ 1: owed });
      expect(servers[0]!.connections.length).toBeGreaterThanOrEqual(owed / 5);
    },
  );

  it("after a pause that the server asks for after five", async () => {
    let asked = false;
    const { breakers } = await sendToAll([
      ({ phase, takenInAll }) => {
        if (asked || phase !== "MAIL" || takenInAll < 5) return undefined;
        asked = true;
        return closing("421 4.7.0 too fast, try again in 1 second");
      },
    ]);
    expect(breakers.get("smtp-1")).toBe("closed");
    expect(await attempts()).toEqual({ 1: owed });
    const { rows } = await pool.query("SELECT FROM gates WHERE shut_reason LIKE '%too fast%'");
    expect(rows).toHaveLength(1);
  });

  it("at the second try, where the server greylists for a second", async () => {
    const { servers, breakers } = await sendToAll([
      ({ phase, nth }) =>
        phase === "RCPT" && nth === 1 ? "451 4.7.1 greylisted, try again in 1 second" : undefined,
    ]);
    expect(breakers.get("smtp-1")).toBe("closed");
    expect(await attempts()).toEqual({ 2: owed });
    for (const [first, second] of servers[0]!.namedAt.values())
      expect(second! - first!).toBeGreaterThan(950);
  });

  it("where the server answers 30 of 100 with 451", async () => {
    const random = createRandom(7);
    const { breakers } = await sendToAll([
      ({ phase }) => (phase === "dot" && random() < 0.3 ? "451 4.3.0 not now" : undefined),
    ]);
    expect(breakers.get("smtp-1")).toBe("closed");
  });
});
