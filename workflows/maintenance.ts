import {
  continueAsNew,
  patched,
  proxyActivities,
  setCurrentDetails,
  workflowInfo,
} from "@temporalio/workflow";
import type { Activities } from "../activities/index.ts";
import { retentionTables, type RetentionTable } from "../domain/retention.ts";
import { activitySummaries, describeRemoved } from "./descriptions.ts";
import { taskQueues, type MaintenanceInput } from "./names.ts";

const { removeExpired } = proxyActivities<Pick<Activities, "removeExpired">>({
  taskQueue: taskQueues.orchestration,
  summary: activitySummaries.removeExpired,
  // A round, and the batch after it.
  startToCloseTimeout: "5 minutes",
  // A batch that takes this long is stuck; the next attempt goes on where the last heartbeat was.
  heartbeatTimeout: "1 minute",
  // The ledger may be away; the next day's run is skipped while this one waits for it.
  retry: { initialInterval: "1 second", backoffCoefficient: 2, maximumInterval: "1 minute" },
});

/**
 * Removes what is past its retention, table after table, a round of small batches at a time. What an earlier run left
 * undone, or a killed one, this one finds: it looks from the oldest row on.
 * @returns how many rows were removed from each table; after a crash, at least so many
 */
export async function maintenance({
  asOf,
  table: from = retentionTables[0],
  after = null,
  removed = {},
}: MaintenanceInput): Promise<Partial<Record<RetentionTable, number>>> {
  for (const table of retentionTables.slice(retentionTables.indexOf(from))) {
    // A run that an earlier version began ends as that would have ended it.
    if ((table === "events" || table === "groups") && !patched(table)) continue;
    do {
      if (workflowInfo().continueAsNewSuggested)
        return continueAsNew<typeof maintenance>({
          ...(asOf !== undefined && { asOf }),
          table,
          after,
          removed,
        });
      setCurrentDetails(describeRemoved(removed, table));
      const round = await removeExpired({ table, asOf, after });
      removed[table] = (removed[table] ?? 0) + round.removed;
      // The first round says by which instant of the ledger's clock the run goes. Those of earlier versions said nothing.
      asOf ??= round.asOf;
      ({ after } = round);
    } while (after !== null);
  }
  setCurrentDetails(describeRemoved(removed, null));
  return removed;
}
