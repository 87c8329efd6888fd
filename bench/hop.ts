// A Temporal worker with one workflow and one activity, in a separate process like a worker of Tidings: it shares only Temporal
// with the process that signals it.
import { DefaultLogger, NativeConnection, Runtime, Worker } from "@temporalio/worker";
import { compiled } from "../cli/stack/guarded.ts";
import type { HopActivities } from "./hop-workflow.ts";

/** The messages over IPC: first that the worker is ready, then the time of each activity in milliseconds of the wall clock. */
export type HopReport = { ready: true } | { number: number; at: number };

const report = (message: HopReport) => void process.send?.(message);

const activities: HopActivities = {
  async arrive(number) {
    report({ number, at: Date.now() });
  },
};

const [address, taskQueue] = process.argv.slice(2) as [string, string];
Runtime.install({ logger: new DefaultLogger("WARN"), shutdownSignals: [] });
const connection = await NativeConnection.connect({ address });
// One task queue for both, so that the server may hand over the activity with the answer to the workflow's task.
const worker = await Worker.create({
  connection,
  taskQueue,
  activities: { ...activities },
  workflowsPath: compiled("bench/hop-workflow.js"),
});
process.once("disconnect", () => worker.shutdown());
process.on("SIGINT", () => {});
report({ ready: true });
await worker.run();
await connection.close();
