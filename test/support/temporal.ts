import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client } from "@temporalio/client";
import { msToTs, tsToMs } from "@temporalio/common/lib/time.js";
import { TestWorkflowEnvironment } from "@temporalio/testing";
import { expect, inject } from "vitest";
import type { TestProject } from "vitest/node";
import { temporalCli } from "../../cli/stack/binaries.ts";
import { startGuarded } from "../../cli/stack/guarded.ts";
import { freePort } from "../../cli/stack/ports.ts";
import { whenReady } from "../../cli/stack/supervised.ts";
import { temporalOrder, waitForTemporal } from "../../cli/stack/temporal.ts";
import { waitUntil } from "../../cli/stack/wait.ts";
import { addSearchAttributes } from "../../config/temporal.ts";
import { awakeMs } from "../../workflows/delivery-queue.ts";
import { waitMs } from "./patience.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The development server for this run. */
    temporalAddress: string;
  }
}

/** Runs continue as new after a few dozen events, so that tests cover this. */
const suggestContinueAsNewEvents = 60;

/** Starts one development server in memory for the whole run. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const program = await temporalCli({ environment: process.env, say });
  const folder = mkdtempSync(join(tmpdir(), "tidings-temporal-"));
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const log = openSync(join(folder, "log"), "a");
  const order = temporalOrder({
    program,
    port,
    uiPort: null,
    databasePath: null,
    dynamicConfig: [`limit.historyCount.suggestContinueAsNew=${suggestContinueAsNewEvents}`],
  });
  const server = await startGuarded(order, log);
  closeSync(log);
  await whenReady(server, (signal) => waitForTemporal(address, waitMs, signal));
  project.provide("temporalAddress", address);
  return async () => {
    await server.stop();
    rmSync(folder, { recursive: true });
  };
}

/**
 * Connects to the run's development server in a new namespace with the search attributes of Tidings, so that task queues and
 * workflow ids of other files do not interfere. `teardown` closes the connections.
 */
export async function createDevServer(): Promise<TestWorkflowEnvironment> {
  const address = inject("temporalAddress");
  const namespace = `test-${randomBytes(6).toString("hex")}`;
  const environment = await TestWorkflowEnvironment.createFromExistingServer({
    address,
    namespace,
  });
  const { client, connection } = environment;
  await connection.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: msToTs("1 day"),
  });
  // The services of the server learn of a new namespace one after the other.
  await waitUntil("the namespace to be there", waitMs, () =>
    addSearchAttributes(client).then(() => true),
  );
  await waitUntil("the namespace to be usable", waitMs, () =>
    client.workflow.count().then(() => true),
  );
  return environment;
}

/** Resolves when a queue of notifications is empty and its workflow waits for new ones; the workflow itself ends much later. */
export async function queueEmptied({ workflow }: Client, queue: string): Promise<void> {
  const waitsMs = async () => {
    const { events } = await workflow.getHandle(queue).fetchHistory();
    return tsToMs(events?.at(-1)?.timerStartedEventAttributes?.startToFireTimeout ?? msToTs(0));
  };
  await expect.poll(waitsMs).toBe(awakeMs);
}
