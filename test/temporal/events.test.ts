import type { TestWorkflowEnvironment } from "@temporalio/testing";
import { afterAll, beforeAll, expect, it } from "vitest";
import { newUuid, publicId } from "../../domain/ids.ts";
import { ensureEvents } from "../../workers/singletons.ts";
import { eventsWorkflowId } from "../../workflows/names.ts";
import { createLedgerDatabase, type LedgerDatabase } from "../support/ledger-database.ts";
import { listen } from "../support/listening.ts";
import { loopbackHttp } from "../support/outbound.ts";
import { createDevServer } from "../support/temporal.ts";
import { startWorkers } from "../support/workers.ts";

let environment: TestWorkflowEnvironment;
let database: LedgerDatabase;
let receiver: Awaited<ReturnType<typeof listen>>;
/** Events arrive at least once: an interrupted attempt may send the same as the next one. */
const told = new Set<string>();

beforeAll(async () => {
  [environment, database, receiver] = await Promise.all([
    createDevServer(),
    createLedgerDatabase(),
    listen(async (request) => {
      const { events } = (await request.json()) as { events: { id: string }[] };
      for (const { id } of events) told.add(id);
      return new Response(null, { status: 204 });
    }),
  ]);
});
afterAll(async () => {
  await receiver.close();
  await environment.teardown();
  await database.drop();
});

async function happened(): Promise<string> {
  const id = newUuid();
  await database.pool.query(
    "INSERT INTO events (id, kind, due_at) VALUES ($1, 'delivery.completed', now())",
    [id],
  );
  return publicId("event", id);
}

it("events are published by one workflow, whichever worker is there, and after it was terminated", async () => {
  const workers = () =>
    startWorkers(environment, database.pool, undefined, null, {
      url: receiver.url,
      secrets: ["a-secret-of-events-of-24-characters"],
      http: loopbackHttp(receiver.url),
    });
  const { client } = environment;
  const first = await workers();
  await Promise.all([ensureEvents(client), ensureEvents(client)]);
  const expected = [await happened()];
  await expect.poll(() => [...told]).toEqual(expected);
  await first.stop();

  expected.push(await happened());
  const second = await workers();
  await expect.poll(() => [...told]).toEqual(expected);

  await client.workflow.getHandle(eventsWorkflowId).terminate();
  await ensureEvents(client);
  expected.push(await happened());
  await expect.poll(() => [...told]).toEqual(expected);
  await expect
    .poll(() => second.metrics.registry.getSingleMetricAsString("tidings_events_total"))
    .toMatch(/outcome="taken"\} [2-9]/);
  await second.stop();
});
