import { afterAll, beforeAll, expect, it } from "vitest";
import { createLoad } from "../../ledger/queue-pressure.ts";
import { createLedgerDatabase, type LedgerDatabase } from "../support/ledger-database.ts";

let database: LedgerDatabase;
beforeAll(async () => {
  database = await createLedgerDatabase();
});
afterAll(() => database.drop());

it("the load is what is due and only waits for workers, and nothing of campaigns that do not run", async () => {
  const { pool, seed } = database;
  const recipientIds = await seed.recipients(3);
  const dueAt = new Date(Date.now() - 60_000);
  await seed.notification({ recipientIds, queue: "mailbox/0", dueAt });
  await seed.notification({
    recipientIds,
    queue: "mailbox/0",
    dueAt: new Date(Date.now() + 60_000),
  });
  for (const [status, minutes] of [
    ["running", 2],
    ["paused", 90],
  ] as const) {
    const { id } = await seed.campaign();
    await pool.query("UPDATE campaigns SET status = $2::campaign_status WHERE id = $1", [
      id,
      status,
    ]);
    await pool.query(
      `INSERT INTO deliveries (id, campaign_id, recipient_id, channel, priority, queue, due_at)
       SELECT uuid_v7(now()), $1, r, 'email', 'normal', 'mailbox/1', now() - $2 * interval '1 minute' FROM unnest($3::uuid[]) AS r`,
      [id, minutes, recipientIds],
    );
  }
  const load = createLoad(pool);
  await expect.poll(() => load().backlog).toBe(6);
  expect(load().delayMs).toBeGreaterThanOrEqual(120_000);
  expect(load().delayMs).toBeLessThan(600_000);
});
