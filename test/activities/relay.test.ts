import { once } from "node:events";
import type { Client } from "@temporalio/client";
import { CancelledFailure } from "@temporalio/common";
import { MockActivityEnvironment } from "@temporalio/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createRelayOverdue } from "../../activities/relay.ts";
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
    await seed.notification({
      recipientIds,
      queue: "mailbox/0",
      dueAt: new Date(Date.now() - 60_000),
    });
    const woken: string[] = [];
    const signalWithStart = (_: string, { workflowId }: { workflowId: string }) => {
      woken.push(workflowId);
      return Promise.resolve();
    };
    let opensAt: Date | null = new Date(Date.now() + 60_000);
    const relay = createRelayOverdue({
      pool,
      client: { workflow: { signalWithStart } } as unknown as Client,
      channel: { opensAt: () => opensAt },
    });
    const environment = new MockActivityEnvironment();
    const running = environment.run(relay);
    await once(environment, "heartbeat");
    expect(woken).toEqual([]);
    opensAt = null;
    await once(environment, "heartbeat");
    expect(woken).toEqual(["mailbox/0"]);
    environment.cancel();
    await running.catch((error: unknown) => expect(error).toBeInstanceOf(CancelledFailure));
  });
});
