import { atLedgerTime } from "../support/ledger-time.ts";
import { CancelledFailure } from "@temporalio/common";
import { MockActivityEnvironment } from "@temporalio/testing";
import type { Pool } from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createSweepDigests, type Sweep } from "../../activities/sweep-digests.ts";
import { digestLaneNames, shardOf, waitingDigests } from "../../domain/delivery/queues.ts";
import { createLedgerDatabase, type LedgerDatabase } from "../support/ledger-database.ts";

let database: LedgerDatabase;
let pool: Pool;
let seed: LedgerDatabase["seed"];
let woken: string[];

beforeAll(async () => {
  database = await createLedgerDatabase();
  ({ pool, seed } = database);
});
beforeEach(async () => {
  woken = [];
  await database.empty();
});
afterAll(() => database.drop());

const past = new Date(Date.now() - 60_000);
const future = new Date(Date.now() + 3_600_000);

type Deps = Parameters<typeof createSweepDigests>[0];

function sweep({
  at,
  environment = new MockActivityEnvironment(),
  ...deps
}: Partial<Deps> & { at?: Date; environment?: MockActivityEnvironment } = {}): Promise<Sweep> {
  const activity = createSweepDigests({
    pool,
    wake: (queue) => Promise.resolve(void woken.push(queue)),
    ...deps,
  });
  return atLedgerTime(pool, at, () => environment.run(activity) as Promise<Sweep>);
}

const waiting = (recipientIds: string[], dueAt: Date) =>
  seed.notification({ recipientIds, queue: waitingDigests, dueAt });

/** The deliveries of each queue. */
async function queues(): Promise<Record<string, number>> {
  const { rows } = await pool.query<{ queue: string; count: number }>(
    "SELECT queue, count(*)::int FROM deliveries GROUP BY queue",
  );
  return Object.fromEntries(rows.map(({ queue, count }) => [queue, count]));
}

describe("a sweep of digests", () => {
  it("moves what is due to its recipient's lane and nothing else, and wakes those lanes", async () => {
    const recipients = await seed.recipients(40);
    await waiting(recipients, past);
    await waiting(recipients.slice(0, 10), past);
    const later = await waiting(recipients.slice(0, 7), future);
    await seed.notification({ recipientIds: recipients.slice(0, 3), queue: "mailbox/0" });
    const lanes = digestLaneNames.filter((_, lane) =>
      recipients.some((id) => shardOf(id, digestLaneNames.length) === lane),
    );
    expect(await sweep()).toEqual({ deliveries: 50, recipients: 40, lanes });
    expect(woken).toEqual(lanes);
    const { rows } = await pool.query<{ id: string; queue: string; recipient: string }>(
      "SELECT id, queue, recipient_id AS recipient FROM deliveries WHERE queue LIKE 'digest/%'",
    );
    for (const { id, queue, recipient } of rows)
      expect(queue).toBe(
        later.includes(id)
          ? waitingDigests
          : digestLaneNames[shardOf(recipient, digestLaneNames.length)],
      );
    expect(rows).toHaveLength(57);
    expect(await queues()).toMatchObject({ "mailbox/0": 3, [waitingDigests]: 7 });
  });

  it("finds nothing where nothing is due", async () => {
    await waiting(await seed.recipients(2), future);
    expect(await sweep()).toEqual({ deliveries: 0, recipients: 0, lanes: [] });
    expect(woken).toEqual([]);
  });

  it("takes what is due by the ledger's clock, and waits for it where that is a little behind Temporal's", async () => {
    await waiting(await seed.recipients(2), future);
    const alittleBefore = new Date(future.getTime() - 300);
    expect(await sweep({ at: alittleBefore })).toMatchObject({ deliveries: 2, recipients: 2 });
    expect(woken).not.toEqual([]);
  });

  it("moves each once though two run at the same time", async () => {
    const recipients = await seed.recipients(4_500);
    await waiting(recipients, past);
    await waiting(recipients, past);
    const sweeps = await Promise.all([sweep(), sweep()]);
    expect(sweeps[0].deliveries + sweeps[1].deliveries).toBe(9_000);
    expect(await queues()).not.toHaveProperty([waitingDigests]);
    for (const { lanes } of sweeps) expect(lanes).toEqual([...digestLaneNames]);
  });

  it("does the rest after one that was cut off, and wakes for what that one moved", async () => {
    const recipients = await seed.recipients(2_100);
    await waiting(recipients, past);
    let statements = 0;
    const dying = {
      query: (query: unknown) => {
        if (++statements === 2) throw new Error("the worker is gone");
        return pool.query(query as string);
      },
    } as unknown as Pool;
    await expect(sweep({ pool: dying })).rejects.toThrow("the worker is gone");
    expect(woken).toEqual([]);
    expect(await queues()).toMatchObject({ [waitingDigests]: 100 });
    expect(await sweep()).toMatchObject({ deliveries: 100, lanes: [...digestLaneNames] });
    expect(woken).toEqual([...digestLaneNames]);
    expect(await queues()).not.toHaveProperty([waitingDigests]);
  });

  it("wakes in its next attempt the queues that it could not wake in this one", async () => {
    const [recipient] = await seed.recipients(1);
    await waiting([recipient!], past);
    const refuse = () => Promise.reject(new Error("Temporal is away"));
    await expect(sweep({ wake: refuse })).rejects.toThrow("Temporal is away");
    expect(await sweep()).toMatchObject({ deliveries: 0, lanes: woken });
    expect(woken).toEqual([digestLaneNames[shardOf(recipient!, digestLaneNames.length)]]);
  });

  it("waits for who is changing a row, and leaves what is not due any more", async () => {
    const [one, other] = await seed.recipients(2);
    await waiting([one!], past);
    await waiting([other!], past);
    const client = await pool.connect();
    try {
      await client.query("BEGIN");
      await client.query(
        "UPDATE deliveries SET queue = 'mailbox/0', reason = 'decide_again' WHERE recipient_id = $1",
        [one],
      );
      const under = sweep();
      await expect
        .poll(queues)
        .toHaveProperty([digestLaneNames[shardOf(other!, digestLaneNames.length)]!]);
      await client.query("COMMIT");
      expect(await under).toMatchObject({ deliveries: 1, recipients: 1 });
    } finally {
      client.release();
    }
    expect(await queues()).toMatchObject({ "mailbox/0": 1 });
  });

  it("fails when its worker drains, so that another goes on at once", async () => {
    await waiting(await seed.recipients(4_100), past);
    const environment = new MockActivityEnvironment();
    environment.once("heartbeat", () => environment.cancel("WORKER_SHUTDOWN"));
    await expect(sweep({ environment })).rejects.toThrow(CancelledFailure);
    expect(woken).toEqual([]);
    expect(await sweep()).toMatchObject({ deliveries: 2_100 });
  });
});
