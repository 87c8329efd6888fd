import { TestWorkflowEnvironment } from "@temporalio/testing";
import { temporalTestServer } from "../../cli/stack/binaries.ts";
import { addSearchAttributes } from "../../config/temporal.ts";

/** Temporal's test server, on which weeks of waiting pass at once. It has no visibility and no schedules. */
export async function createTimeSkipping(): Promise<TestWorkflowEnvironment> {
  const path = await temporalTestServer({
    environment: process.env,
    say: (line) => process.stderr.write(`${line}\n`),
  });
  const environment = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: "existing-path", path } },
  });
  await addSearchAttributes(environment.client);
  return environment;
}
