import { describe, expect, it } from "vitest";
import { newUuid } from "../../domain/ids.ts";
import type { ItemContent } from "../../domain/inbox.ts";
import { addInboxItems, readInbox, readNewerItems } from "../../ledger/inbox.ts";
import { executeOn } from "../../ledger/sql.ts";
import { useLedgerDatabase } from "../support/ledger-database.ts";
import { atLedgerTime } from "../support/ledger-time.ts";
import { patience } from "../support/patience.ts";

const database = useLedgerDatabase({ truncate: "inbox_items" });
const execute: typeof executeOn extends (pool: never) => infer E ? E : never = (...statement) =>
  executeOn(database.pool)(...statement);

/** An item whose message was created `ageMs` before now. */
const item = (recipientId: string, ageMs = 0): ItemContent => ({
  id: newUuid(new Date(Date.now() - ageMs)),
  recipientId,
  type: null,
  category: null,
  title: "T",
  body: "B",
  url: null,
  actions: [],
  priority: "normal",
  expiresAt: null,
});

const newestFirst = async (recipientId: string) =>
  (
    await readInbox(execute, { state: "all", recipientId, after: null, category: null, take: 500 })
  ).map(({ id }) => id);
const idsAfter = async (recipientId: string, after: string) =>
  (await readNewerItems(execute, { recipientId, after, take: 500 }))!.map(({ id }) => id);

/** The number of statements that wait for the inbox of a recipient. */
const waiting = async () =>
  (
    await database.pool.query(
      "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%inbox_arrivals%' AND datname = current_database()",
    )
  ).rowCount;

/** Adds items within a transaction that the test ends. */
async function beginAdding(items: readonly ItemContent[]) {
  const client = await database.pool.connect();
  await client.query("BEGIN");
  await addInboxItems(executeOn(client), items);
  return async (end: "COMMIT" | "ROLLBACK") => {
    await client.query(end);
    client.release();
  };
}

describe("items of an inbox", () => {
  it("are in the order of their arrival, not in that of their messages", async () => {
    const [recipientId] = await database.seed.recipients(1);
    const items = [3_000, 60_000, 0, 3_600_000].map((ageMs) => item(recipientId!, ageMs));
    for (const one of items) await addInboxItems(execute, [one]);
    const ids = items.map(({ id }) => id);
    expect(await newestFirst(recipientId!)).toEqual(ids.toReversed());
    expect(await idsAfter(recipientId!, ids[1]!)).toEqual(ids.slice(2));
  });

  it("keep their places when they are added again", async () => {
    const [recipientId] = await database.seed.recipients(1);
    const [one, two] = [item(recipientId!), item(recipientId!)];
    await addInboxItems(execute, [one]);
    await addInboxItems(execute, [two]);
    const again = await addInboxItems(execute, [one, two]);
    expect([...again.values()].map(({ isNew }) => isNew)).toEqual([false, false]);
    expect(await newestFirst(recipientId!)).toEqual([two.id, one.id]);
  });

  it("never arrive at the same time, also in one statement and when the clock goes back", async () => {
    const [recipientId, other] = await database.seed.recipients(2);
    const added: string[] = [];
    const add = async (count: number) => {
      const items = Array.from({ length: count }, () => item(recipientId!));
      await addInboxItems(execute, [...items, item(other!)]);
      added.push(...items.map(({ id }) => id).toSorted());
    };
    const now = Date.now();
    await add(3);
    await atLedgerTime(database.pool, new Date(now - 60_000), () => add(2), { isStopped: true });
    await add(2);
    expect(await newestFirst(recipientId!)).toEqual(added.toReversed());
    const { rows } = await database.pool.query(
      "SELECT DISTINCT created_at FROM inbox_items WHERE recipient_id = $1",
      [recipientId],
    );
    expect(rows).toHaveLength(7);
  });
});

describe("two transactions that add to the same inbox", () => {
  it("become visible in the order of arrival, although the later one could have ended first", async () => {
    const [recipientId, other] = await database.seed.recipients(2);
    const known = item(recipientId!);
    await addInboxItems(execute, [known]);
    const [first, second] = [item(recipientId!), item(recipientId!, 60_000)];
    const end = await beginAdding([first]);
    const adding = addInboxItems(execute, [second]);
    await expect.poll(waiting, patience).toBe(1);
    // Nobody sees the second one without the first one, and others do not wait for either.
    expect(await idsAfter(recipientId!, known.id)).toEqual([]);
    const elsewhere = item(other!);
    await addInboxItems(execute, [elsewhere]);
    expect(await newestFirst(other!)).toEqual([elsewhere.id]);
    await end("COMMIT");
    await adding;
    expect(await idsAfter(recipientId!, known.id)).toEqual([first.id, second.id]);
    expect(await idsAfter(recipientId!, first.id)).toEqual([second.id]);
  });

  it("leave no gap that matters if the first one is rolled back", async () => {
    const [recipientId] = await database.seed.recipients(1);
    const [first, second] = [item(recipientId!), item(recipientId!)];
    const end = await beginAdding([first]);
    const adding = addInboxItems(execute, [second]);
    await expect.poll(waiting, patience).toBe(1);
    await end("ROLLBACK");
    await adding;
    await addInboxItems(execute, [first]);
    expect(await newestFirst(recipientId!)).toEqual([first.id, second.id]);
  });

  it("never wait for each other in a circle, and a reader misses nothing", async () => {
    const recipientIds = await database.seed.recipients(20);
    const reader = recipientIds[0]!;
    const start = item(reader);
    await addInboxItems(execute, [start]);
    let last = start.id;
    const seen: string[] = [];
    const read = async () => {
      const ids = await idsAfter(reader, last);
      seen.push(...ids);
      last = ids.at(-1) ?? last;
    };
    let writing = true;
    const reading = (async () => {
      while (writing) await read();
    })();
    const wanted: string[] = [];
    await Promise.all(
      Array.from({ length: 4 }, async (_, writer) => {
        for (let round = 0; round < 25; round += 1) {
          const order = writer % 2 === 0 ? recipientIds : recipientIds.toReversed();
          const items = order.map((recipientId, at) => item(recipientId, at * 1_000));
          wanted.push(
            ...items.flatMap(({ id, recipientId }) => (recipientId === reader ? [id] : [])),
          );
          await addInboxItems(execute, items);
        }
      }),
    );
    writing = false;
    await reading;
    await read();
    expect(seen.toSorted()).toEqual(wanted.toSorted());
  });
});
