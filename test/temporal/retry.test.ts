import type { TestWorkflowEnvironment } from "@temporalio/testing";
import { afterAll, beforeAll, expect, it } from "vitest";
import { wakeCampaign } from "../../workflows/client.ts";
import { type Api, sampleTemplate, seed, startApi } from "../api/harness.ts";
import { createDevServer } from "../support/temporal.ts";
import { startWorkers } from "../support/workers.ts";

let environment: TestWorkflowEnvironment;
let api: Api;
beforeAll(async () => {
  [environment, api] = await Promise.all([createDevServer(), startApi()]);
  await seed(api, 12);
});
afterAll(async () => {
  await environment.teardown();
  await api.stop();
});

it("sends what failed of a completed campaign when it is tried again, and the campaign completes and adds up again", async () => {
  let mended = false;
  const failing = new Set<string>();
  const workers = await startWorkers(environment, api.pool, ({ messageId }) => {
    if (mended || (failing.size >= 4 && !failing.has(messageId))) return "sent";
    failing.add(messageId);
    return "permanent";
  });
  try {
    const { body: campaign } = await api.send("POST", "/v1/campaigns", {
      name: "c",
      template: { key: sampleTemplate.key },
      data: { order: "1" },
      audience: { all: true },
    });
    const { id } = campaign;
    const handle = environment.client.workflow.getHandle(`campaign/${id}`);
    await api.send("POST", `/v1/campaigns/${id}/start`);
    await wakeCampaign(environment.client, id);
    expect(await handle.result()).toMatchObject({
      status: "completed",
      counts: { sent: 8, failed: 4 },
      reconciled: true,
    });

    mended = true;
    api.woken.length = 0;
    const { body } = await api.send("POST", "/v1/deliveries/retry", { where: { campaign: id } });
    expect(body).toMatchObject({ changed: 4, nextCursor: null });
    expect(api.woken).toEqual([id]);
    await wakeCampaign(environment.client, id);
    expect(await handle.result()).toMatchObject({
      status: "completed",
      counts: { sent: 12 },
      reconciled: true,
    });
    expect(workers.requests).toHaveLength(16);
    expect((await api.send("GET", `/v1/campaigns/${id}/reconciliation`)).body).toMatchObject({
      sent: 12,
      failed: 0,
      reconciled: true,
    });
  } finally {
    await workers.stop();
  }
});
