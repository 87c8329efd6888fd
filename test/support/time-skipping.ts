import { TestWorkflowEnvironment } from "@temporalio/testing";
import { temporalTestServer } from "../../cli/stack/binaries.ts";
import { testMs } from "./patience.ts";
import { addSearchAttributes } from "../../config/temporal.ts";

/** Temporal's test server, on which weeks of waiting pass at once. It has no visibility and no schedules. */
export async function createTimeSkipping(): Promise<TestWorkflowEnvironment> {
  const path = await temporalTestServer({
    environment: process.env,
    say: (line) => process.stderr.write(`${line}\n`),
  });
  const environment = await startServer(path);
  await addSearchAttributes(environment.client);
  return environment;
}

/** The SDK gives the server five seconds to start, and no setting for more: a busy machine needs another try. */
async function startServer(path: string): Promise<TestWorkflowEnvironment> {
  const givesUpAt = Date.now() + testMs;
  for (;;) {
    try {
      return await TestWorkflowEnvironment.createTimeSkipping({
        server: { executable: { type: "existing-path", path } },
      });
    } catch (error) {
      if (!String(error).includes("did not start within") || Date.now() > givesUpAt) throw error;
    }
  }
}
