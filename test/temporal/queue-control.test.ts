import type { TestWorkflowEnvironment } from "@temporalio/testing";
import { afterAll, beforeAll, expect, it } from "vitest";
import { wakeQueue } from "../../workflows/wake.ts";
import { type Api, sampleTemplate, seed, startApi } from "../api/harness.ts";
import { createDevServer } from "../support/temporal.ts";
import { startWorkers } from "../support/workers.ts";

let environment: TestWorkflowEnvironment;
let api: Api;
beforeAll(async () => {
  [environment, api] = await Promise.all([
    createDevServer(),
    startApi({ config: { mailboxShards: 1 } }),
  ]);
  await seed(api, 3);
});
afterAll(async () => {
  await environment.teardown();
  await api.stop();
});

it("what an operator asks for is noticed at once by a workflow that sleeps until tomorrow", async () => {
  const workers = await startWorkers(environment, api.pool, () => "sent");
  const wakeAll = async () => {
    for (const queue of api.woken.splice(0))
      await wakeQueue(environment.client, queue, { requestId: "a-change" });
  };
  try {
    const { body: notification } = await api.send("POST", "/v1/notifications", {
      recipients: ["u0", "u1", "u2"],
      template: { key: sampleTemplate.key },
      data: { order: "1" },
      sendAt: new Date(Date.now() + 86_400_000).toISOString(),
    });
    await wakeAll();
    const sleeping = environment.client.workflow.getHandle("mailbox/0");
    await expect
      .poll(async () => {
        const { events } = await sleeping.fetchHistory();
        return events?.some(({ timerStartedEventAttributes: timer }) => timer);
      })
      .toBe(true);

    const {
      body: { items },
    } = await api.send("GET", `/v1/deliveries?notification=${notification.id}&sort=createdAt`);
    const [first, second] = items as [{ id: string }, { id: string }];
    await api.send("POST", `/v1/deliveries/${first.id}/send`);
    await api.send("POST", `/v1/deliveries/${second.id}/reprioritise`, { priority: "critical" });
    await api.send("POST", `/v1/deliveries/${second.id}/send`);
    expect(new Set(api.woken)).toEqual(new Set(["mailbox/0", "critical/0"]));
    await wakeAll();
    await expect
      .poll(async () => (await api.send("GET", "/v1/deliveries?status=sent")).body.items)
      .toHaveLength(2);
    expect((await api.send("GET", "/v1/queues?by=queue")).body.items).toMatchObject([
      { queue: "mailbox/0", waiting: 1, due: 0 },
    ]);
  } finally {
    await workers.stop();
  }
});
