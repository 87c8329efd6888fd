import { continueAsNew, proxyActivities, workflowInfo } from "@temporalio/workflow";
import type { Activities } from "../activities/index.ts";
import { activitySummaries } from "./descriptions.ts";
import { taskQueues } from "./names.ts";

const { publishEvents } = proxyActivities<Pick<Activities, "publishEvents">>({
  taskQueue: taskQueues.orchestration,
  summary: activitySummaries.publishEvents,
  startToCloseTimeout: "20 minutes",
  // Longer than a receiver has for its answer.
  heartbeatTimeout: "30 seconds",
  retry: { initialInterval: "1 second", backoffCoefficient: 2, maximumInterval: "10 seconds" },
});

/**
 * Sends events to the configured receiver. One run exists in a namespace, forever. The work is done inside one long activity, so
 * that an idle system costs few events.
 */
export async function events(): Promise<never> {
  for (;;) {
    await publishEvents();
    if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof events>();
  }
}
