import { proxyActivities, setCurrentDetails } from "@temporalio/workflow";
import type { Activities } from "../activities/index.ts";
import type { Sweep } from "../activities/sweep-digests.ts";
import { activitySummaries, describeSweep } from "./descriptions.ts";
import { taskQueues } from "./names.ts";

const { sweepDigests } = proxyActivities<Pick<Activities, "sweepDigests">>({
  taskQueue: taskQueues.orchestration,
  summary: activitySummaries.sweepDigests,
  // The digests of a million recipients take some hundreds of small statements.
  startToCloseTimeout: "30 minutes",
  // A batch that takes this long is stuck; the next attempt moves the remaining rows.
  heartbeatTimeout: "1 minute",
  // The ledger may be unreachable. Runs after this one are skipped while it waits, and it does their work.
  retry: {
    initialInterval: "500 milliseconds",
    backoffCoefficient: 2,
    maximumInterval: "10 seconds",
  },
});

/**
 * Sends due digests: moves their members to the lanes that `deliveryQueue` drains. It keeps no state beyond the ledger, so that
 * the next run finds what a missed or terminated run left undone.
 */
export async function digest(): Promise<Sweep> {
  const sweep = await sweepDigests();
  setCurrentDetails(describeSweep(sweep));
  return sweep;
}
