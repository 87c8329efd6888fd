import { proxyActivities, setCurrentDetails } from "@temporalio/workflow";
import type { Activities } from "../activities/index.ts";
import type { Sweep } from "../activities/sweep-digests.ts";
import { activitySummaries, describeSweep } from "./descriptions.ts";
import { taskQueues } from "./names.ts";

const { sweepDigests } = proxyActivities<Pick<Activities, "sweepDigests">>({
  taskQueue: taskQueues.orchestration,
  summary: activitySummaries.sweepDigests,
  // Digests of a million recipients are some hundreds of small statements.
  startToCloseTimeout: "30 minutes",
  // A batch that takes this long is stuck; the next attempt moves what is left.
  heartbeatTimeout: "1 minute",
  // The ledger may be away; the runs after this one are skipped while it waits, and it does their work.
  retry: {
    initialInterval: "500 milliseconds",
    backoffCoefficient: 2,
    maximumInterval: "10 seconds",
  },
});

/**
 * Has the digests sent whose time has come: moves their members to the lanes that `deliveryQueue` drains. It knows nothing
 * that the ledger does not: what a run that was missed or terminated left undone, the next one finds.
 */
export async function digest(): Promise<Sweep> {
  const sweep = await sweepDigests();
  setCurrentDetails(describeSweep(sweep));
  return sweep;
}
