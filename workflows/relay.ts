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
 * Wakes workflows that should run by the ledger and do not, such as queues whose wake was lost while Temporal was unreachable.
 * One run exists in a namespace, forever. The work is done inside one long activity, so that an idle system costs few events.
 */
export async function relay(): Promise<never> {
  for (;;) {
    await relayOverdue();
    if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof relay>();
  }
}
