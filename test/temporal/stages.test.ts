import type { TestWorkflowEnvironment } from "@temporalio/testing";
import { afterAll, beforeAll, expect, it } from "vitest";
import { wakeQueue } from "../../workflows/client.ts";
import { acceptRouted } from "../support/accept-routed.ts";
import { useLedgerDatabase } from "../support/ledger-database.ts";
import { createDevServer } from "../support/temporal.ts";
import { startWorkers } from "../support/workers.ts";

const queue = "mailbox/0";
const database = useLedgerDatabase({ truncate: "routes" });
let environment: TestWorkflowEnvironment;
beforeAll(async () => {
  environment = await createDevServer();
});
afterAll(() => environment.teardown());

it("an escalation leaves at its instant, by the timer of its queue's workflow and without another wake", async () => {
  const { pool, seed } = database;
  const workers = await startWorkers(environment, pool);
  try {
    const [recipientId] = (await seed.recipients(1)) as [string];
    await acceptRouted(pool, {
      recipientId,
      versionId: await seed.templateVersion(),
      route: {
        stages: [{ via: ["email"] }, { via: ["email"], after: { minutes: 1, unless: "read" } }],
      },
    });
    await wakeQueue(environment.client, queue);
    const waiting = async () =>
      (await pool.query("SELECT FROM open_deliveries WHERE leg = 'stage:1'")).rowCount;
    await expect.poll(waiting).toBe(1);

    // The minute of the route is not waited for.
    const { rows: due } = await pool.query<{ at: Date }>(
      "UPDATE open_deliveries SET due_at = ledger_now() + interval '3 seconds' RETURNING due_at AS at",
    );
    await wakeQueue(environment.client, queue);
    await expect.poll(() => database.statuses()).toEqual({ sent: 2 });
    const { rows: sent } = await pool.query<{ at: Date }>(
      "SELECT d.decided_at AS at FROM deliveries d WHERE leg = 'stage:1'",
    );
    const lateMs = sent[0]!.at.getTime() - due[0]!.at.getTime();
    expect(lateMs).toBeGreaterThanOrEqual(0);
    // No relay runs here, which would find what no timer has found. A second at most is meant; a busy machine is not to fail the test.
    expect(lateMs).toBeLessThan(10_000);
  } finally {
    await workers.stop();
  }
});
