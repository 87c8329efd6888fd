import { continueAsNew, proxyActivities, workflowInfo } from "@temporalio/workflow";
import type { Activities } from "../activities/index.ts";
import { activitySummaries } from "./descriptions.ts";
import { taskQueues } from "./names.ts";

const { publishEvents } = proxyActivities<Pick<Activities, "publishEvents">>({
  taskQueue: taskQueues.orchestration,
  summary: activitySummaries.publishEvents,
  startToCloseTimeout: "20 minutes",
  // This is longer than the time in which a receiver has to respond.
  heartbeatTimeout: "30 seconds",
  retry: { initialInterval: "1 second", backoffCoefficient: 2, maximumInterval: "10 seconds" },
});

/**
 * Publishes events to the configured receiver. Each namespace has one such workflow, which never ends. The work is done inside one long
 * activity, so that an idle system adds little to the workflow's history.
 */
export async function events(): Promise<never> {
  for (;;) {
    await publishEvents();
    if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof events>();
  }
}
