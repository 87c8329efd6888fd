import type { TestWorkflowEnvironment } from "@temporalio/testing";
import { afterAll, beforeAll, expect, it } from "vitest";
import { campaignOptions } from "../../workflows/options.ts";
import { createDevServer } from "../support/temporal.ts";

let environment: TestWorkflowEnvironment;
beforeAll(async () => {
  environment = await createDevServer();
});
afterAll(() => environment.teardown());

it("finds a workflow by its campaign", async () => {
  const { client } = environment;
  const options = campaignOptions("cmp_01kabcdefghjkmnpqrstvwxyz0");
  await client.workflow.start("campaign", options);
  await expect
    .poll(() => client.workflow.count("TidingsCampaign = 'cmp_01kabcdefghjkmnpqrstvwxyz0'"))
    .toMatchObject({ count: 1 });
});
