import { once } from "node:events";
import type { Client } from "@temporalio/client";
import { CancelledFailure } from "@temporalio/common";
import { MockActivityEnvironment } from "@temporalio/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createRelayOverdue } from "../../activities/relay.ts";
import { waitingDigests } from "../../domain/queues.ts";
import { createLedgerDatabase, type LedgerDatabase } from "../support/ledger-database.ts";

let database: LedgerDatabase;
beforeAll(async () => {
  database = await createLedgerDatabase();
});
afterAll(() => database.drop());

describe("the relay", () => {
  it("wakes no queue while the channel takes nothing, and what is overdue as soon as it does", async () => {
    const { pool, seed } = database;
    const recipientIds = await seed.recipients(1);
    // What waits for a digest is no queue of anybody's.
    for (const queue of ["mailbox/0", "digest/lane/1", waitingDigests])
      await seed.notification({ recipientIds, queue, dueAt: new Date(Date.now() - 60_000) });
    const woken: string[] = [];
    const signalWithStart = (_: string, { workflowId }: { workflowId: string }) => {
      woken.push(workflowId);
      return Promise.resolve();
    };
    const counted: string[] = [];
    let opensAt: Date | null = new Date(Date.now() + 60_000);
    const relay = createRelayOverdue({
      pool,
      client: { workflow: { signalWithStart } } as unknown as Client,
      channel: { opensAt: () => opensAt },
      woke: (workflow) => void counted.push(workflow),
    });
    const environment = new MockActivityEnvironment();
    const running = environment.run(relay);
    await once(environment, "heartbeat");
    expect(woken).toEqual([]);
    opensAt = null;
    await once(environment, "heartbeat");
    expect(woken).toEqual(["digest/lane/1", "mailbox/0"]);
    expect(counted).toEqual(["deliveryQueue", "deliveryQueue"]);
    environment.cancel();
    await running.catch((error: unknown) => expect(error).toBeInstanceOf(CancelledFailure));
  });
});
