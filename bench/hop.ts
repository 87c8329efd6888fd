// A Temporal worker with one workflow and one activity, in a process of its own, as a worker of ours is: it shares nothing
// with whoever signals it but Temporal.
import { DefaultLogger, NativeConnection, Runtime, Worker } from "@temporalio/worker";
import { compiled } from "../cli/stack/guarded.ts";
import type { HopActivities } from "./hop-workflow.ts";

/** What it says over IPC: first that it is ready, then of each hop when its activity ran, in milliseconds of the wall clock. */
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
