import { continueAsNew, proxyActivities, workflowInfo } from "@temporalio/workflow";
import type { Activities } from "../activities/index.ts";
import { activitySummaries } from "./descriptions.ts";
import { taskQueues } from "./names.ts";

const { relayOverdue } = proxyActivities<Pick<Activities, "relayOverdue">>({
  taskQueue: taskQueues.orchestration,
  summary: activitySummaries.relayOverdue,
  startToCloseTimeout: "20 minutes",
  heartbeatTimeout: "15 seconds",
  retry: { initialInterval: "1 second", backoffCoefficient: 2, maximumInterval: "10 seconds" },
});

/**
 * One a namespace, for ever: wakes what the ledger says should be running and is not, such as queues whose wake was lost
 * while Temporal was away. The looking is done inside one long activity, so that an idle system costs few events.
 */
export async function relay(): Promise<never> {
  for (;;) {
    await relayOverdue();
    if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof relay>();
  }
}
