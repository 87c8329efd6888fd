import type { TestWorkflowEnvironment } from "@temporalio/testing";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { wakeQueue } from "../../workflows/client.ts";
import { type Api, sampleTemplate, seed, startApi } from "../api/harness.ts";
import { createDevServer } from "../support/temporal.ts";
import { startWorkers } from "../support/workers.ts";

let environment: TestWorkflowEnvironment;
let api: Api;
let workers: Awaited<ReturnType<typeof startWorkers>>;
beforeAll(async () => {
  [environment, api] = await Promise.all([
    createDevServer(),
    startApi({ config: { mailboxShards: 1 } }),
  ]);
  await seed(api, 3);
});
beforeEach(async () => {
  await api.prisma
    .$executeRaw`TRUNCATE open_deliveries, ended_deliveries, earlier_attempts, notifications, groups CASCADE`;
  workers = await startWorkers(environment, api.pool, () => "sent");
});
afterEach(() => workers.stop());
afterAll(async () => {
  await environment.teardown();
  await api.stop();
});

/** Wakes workflows as the API does. */
async function wakeAll(): Promise<Set<string>> {
  const woken = new Set(api.woken.splice(0));
  for (const queue of woken) await wakeQueue(environment.client, queue, { requestId: "a-change" });
  return woken;
}

async function notify(more: object): Promise<string> {
  const { status, body } = await api.send("POST", "/v1/notifications", {
    recipients: ["u0", "u1", "u2"],
    template: { key: sampleTemplate.key },
    data: { order: "1" },
    ...more,
  });
  expect(status).toBe(202);
  await wakeAll();
  return body.id;
}

const listed = async (query: string) =>
  (await api.send("GET", `/v1/deliveries?sort=createdAt&${query}`)).body.items as {
    id: string;
    queue: string;
    group: string | null;
  }[];

it("an operator's request wakes a workflow that sleeps until tomorrow", async () => {
  const id = await notify({ sendAt: new Date(Date.now() + 86_400_000).toISOString() });
  const sleeping = environment.client.workflow.getHandle("mailbox/0");
  await expect
    .poll(async () => {
      const { events } = await sleeping.fetchHistory();
      return events?.some(({ timerStartedEventAttributes: timer }) => timer);
    })
    .toBe(true);

  const [first, second] = await listed(`notification=${id}`);
  await api.send("POST", `/v1/deliveries/${first!.id}/send`);
  await api.send("POST", `/v1/deliveries/${second!.id}/reprioritise`, { priority: "critical" });
  await api.send("POST", `/v1/deliveries/${second!.id}/send`);
  expect(await wakeAll()).toEqual(new Set(["mailbox/0", "critical/0"]));
  await expect.poll(() => listed("status=sent")).toHaveLength(2);
  expect((await api.send("GET", "/v1/queues?by=queue")).body.items).toMatchObject([
    { queue: "mailbox/0", waiting: 1, due: 0 },
  ]);
});

/** A span around now, by the clock of UTC, which is that of all recipients here. */
function quietNow() {
  const at = (hours: number) =>
    `${String((new Date().getUTCHours() + 24 + hours) % 24).padStart(2, "0")}:00`;
  return [{ start: at(-1), end: at(3) }];
}

it("a held delivery is sent at once when an operator requests it, or makes it critical", async () => {
  for (const [recipient, preferences] of [
    ["u0", { digest: { mode: "daily" } }],
    ["u1", { quietHours: quietNow() }],
    ["u2", { digest: { mode: "weekly" } }],
  ] as const)
    expect(
      (await api.send("PUT", `/v1/recipients/${recipient}/preferences`, preferences)).status,
    ).toBe(200);
  await notify({ type: "task.deadline" });
  await expect.poll(() => listed("reason=quiet_hours,digest")).toHaveLength(3);
  const held = await Promise.all(
    ["u0", "u1", "u2"].map(async (recipient) => (await listed(`recipient=${recipient}`))[0]!),
  );
  expect(held.map(({ queue }) => queue)).toEqual(["digest/waiting", "mailbox/0", "digest/waiting"]);
  expect(workers.requests).toHaveLength(0);

  const [digest, quiet, urgent] = held.map(({ id }) => id);
  await api.send("POST", "/v1/deliveries/send", { ids: [digest, quiet] });
  await api.send("POST", "/v1/deliveries/reprioritise", { ids: [urgent], priority: "critical" });
  expect(await wakeAll()).toEqual(new Set(["mailbox/0", "critical/0"]));
  await expect.poll(() => listed("status=sent")).toHaveLength(3);
  expect((await listed("status=sent")).map(({ group }) => group)).toEqual([null, null, null]);
  expect(await api.prisma.group.findMany({ where: { status: { not: "closed" } } })).toEqual([]);
});
