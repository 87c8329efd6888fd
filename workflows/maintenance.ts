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

const options = {
  taskQueue: taskQueues.orchestration,
  // Covers a round and the batch that exceeds it.
  startToCloseTimeout: "5 minutes",
  // A batch that takes this long is stuck; the next attempt continues from the last heartbeat.
  heartbeatTimeout: "1 minute",
  // The ledger may be unreachable. The next day's run is skipped while this one waits for it.
  retry: { initialInterval: "1 second", backoffCoefficient: 2, maximumInterval: "1 minute" },
} as const;

const { removeExpired } = proxyActivities<Pick<Activities, "removeExpired">>({
  ...options,
  summary: activitySummaries.removeExpired,
});

const { resealValues } = proxyActivities<Pick<Activities, "resealValues">>({
  ...options,
  summary: activitySummaries.resealValues,
});

/** The tables that were added after the first version, each behind a patch with its name. */
const addedTables: ReadonlySet<RetentionTable> = new Set<RetentionTable>([
  "events",
  "groups",
  "inline_contents",
  "attachments",
  "inbox_items",
  "topic_subscriptions",
  "inbound_reports",
]);

/**
 * Removes rows whose retention has ended, table after table, in rounds of small batches. It begins at the oldest row, so that it
 * finds what an earlier run left undone. Then it encrypts stored secrets with the newest keys, if keys have been changed.
 * @returns the number of rows removed from each table; after a crash it may be too low
 */
export async function maintenance({
  asOf,
  table: from = retentionTables[0],
  after = null,
  removed = {},
  reseal,
}: MaintenanceInput): Promise<Partial<Record<RetentionTable, number>>> {
  const left = reseal ? [] : retentionTables.slice(retentionTables.indexOf(from));
  for (const table of left) {
    // A run that began under an earlier version skips the tables that this version added.
    if (addedTables.has(table) && !patched(table)) continue;
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
      // The first round determines the instant of the ledger's clock for the whole run. Rounds of earlier versions did not return it.
      asOf ??= round.asOf;
      ({ after } = round);
    } while (after !== null);
  }
  if (patched("sealing")) {
    setCurrentDetails(describeRemoved(removed, "sealed values"));
    let next: MaintenanceInput["reseal"] | null = reseal;
    do {
      if (next && workflowInfo().continueAsNewSuggested)
        return continueAsNew<typeof maintenance>({ removed, reseal: next });
      ({ next } = await resealValues({ after: next ?? null }));
    } while (next);
  }
  setCurrentDetails(describeRemoved(removed, null));
  return removed;
}
