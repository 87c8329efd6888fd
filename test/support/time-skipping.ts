import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TestWorkflowEnvironment } from "@temporalio/testing";
import { temporalTestServer } from "../../cli/stack/binaries.ts";
import { startGuarded } from "../../cli/stack/guarded.ts";
import { freePort } from "../../cli/stack/ports.ts";
import { waitUntil } from "../../cli/stack/wait.ts";
import { addSearchAttributes } from "../../config/temporal.ts";
import { waitMs } from "./patience.ts";

/**
 * The SDK can skip time on a server that is already running, but its types do not include this. If it starts the server itself, it
 * waits only 5 s, which is too short for Java on a busy machine.
 */
const attachable = TestWorkflowEnvironment as unknown as {
  create(options: {
    server: { type: "existing" };
    address: string;
    supportsTimeSkipping: true;
  }): Promise<TestWorkflowEnvironment>;
};

/** Creates a client of Temporal's test server, which skips weeks of waiting. It has no visibility and no schedules. */
export async function createTimeSkipping(): Promise<TestWorkflowEnvironment> {
  const program = await temporalTestServer({
    environment: process.env,
    say: (line) => process.stderr.write(`${line}\n`),
  });
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "tidings-test-server-"));
  const log = openSync(join(folder, "log"), "a");
  const server = await startGuarded(
    { program, args: [String(port)], user: null, stopSignal: "SIGTERM", graceMs: waitMs },
    log,
  );
  closeSync(log);
  let environment: TestWorkflowEnvironment | undefined;
  const connect = async () => {
    environment = await attachable.create({
      server: { type: "existing" },
      address: `127.0.0.1:${port}`,
      supportsTimeSkipping: true,
    });
    return true;
  };
  await waitUntil("Temporal's test server to answer", waitMs, connect);
  const made = environment!;
  const disconnect = made.teardown.bind(made);
  made.teardown = async () => {
    await disconnect();
    await server.stop();
    rmSync(folder, { recursive: true });
  };
  await addSearchAttributes(made.client);
  return made;
}
