import type { Context } from "hono";
import type { Pool } from "pg";
import { publicId } from "../../domain/ids.ts";
import { isLane, waitingDigests } from "../../domain/delivery/queues.ts";
import {
  addSkipped,
  applyOperatorChange,
  type DeliveryChange,
  type Skipped,
  statusesFor,
} from "../../ledger/operator-changes.ts";
import { executeOn } from "../../ledger/sql.ts";
import { inTransaction } from "../../ledger/transaction.ts";
import type { ChangedRow } from "../../ledger/transitions.ts";
import { createRunningEntry } from "../http/audit.ts";
import type { ApiEnv } from "../http/context.ts";
import type { ApiDeps } from "../http/router.ts";
import { countDeliveries, type DeliveryFilters, readDeliveries } from "./filters.ts";

type Shards = Pick<ApiDeps["config"], "mailboxShards">;

/** The deliveries that a change applies to: at most one batch by UUID, or all that match the filters. */
export type Selection =
  | { ids: readonly string[] }
  /** `after` is a UUID: only deliveries created after that one are selected. Null selects all. */
  | { where: DeliveryFilters; after: string | null };

export interface Progress {
  changed: number;
  skipped: Skipped;
  /** The UUID of the last delivery that was processed, if time ran out. Null if all were processed. */
  continueAfter: string | null;
}

/** The number of rows that one transaction changes: few enough not to keep claims and other changes waiting. */
const batchRows = 5_000;

/**
 * Changes the selected deliveries in the order of creation, one batch in each transaction, until `budgetMs` have passed. The
 * transaction also writes the entry of the audit trail, and after it the queues and campaigns of its rows are woken. With `where`,
 * only rows in a status that the change applies to are read.
 * @param shownSelection the selection as the audit trail shows it
 */
export async function changeDeliveries(
  c: Context<ApiEnv>,
  { pool, wakes, clock, config }: Pick<ApiDeps, "pool" | "wakes" | "clock"> & { config: Shards },
  change: DeliveryChange,
  selection: Selection,
  shownSelection: Record<string, unknown>,
  { budgetMs = 10_000, batch = batchRows } = {},
): Promise<Progress> {
  const deadline = performance.now() + budgetMs;
  const entry = createRunningEntry(
    c,
    { action: `delivery.${change.action}`, resource: "deliveries" },
    clock(),
  );
  const total = { changed: 0, skipped: {} as Skipped, reopened: 0 };
  let after = "where" in selection ? selection.after : null;
  for (;;) {
    const ids = await readBatch(pool, change, selection, after, batch);
    const { changed } = await inTransaction(pool, async (client) => {
      const outcome = await applyOperatorChange(executeOn(client), change, ids, config);
      total.changed += outcome.changed.length;
      total.skipped = addSkipped(total.skipped, outcome.skipped);
      total.reopened += outcome.reopened;
      if (total.changed > 0) {
        const { changed: count, skipped, reopened } = total;
        await entry.write(client, {
          ...shownSelection,
          changed: count,
          skipped,
          ...(change.action === "retry" && { campaignsReopened: reopened }),
        });
      }
      return outcome;
    });
    wakeFor(changed, wakes, c.get("requestId"));
    after = ids.at(-1) ?? null;
    const done = "ids" in selection || ids.length < batch;
    if (done || performance.now() >= deadline) {
      return {
        changed: total.changed,
        skipped: total.skipped,
        continueAfter: done ? null : after,
      };
    }
  }
}

/** Reads the UUIDs of the next batch. */
async function readBatch(
  pool: Pool,
  change: DeliveryChange,
  selection: Selection,
  after: string | null,
  take: number,
): Promise<readonly string[]> {
  if ("ids" in selection) return selection.ids;
  const filters = narrowTo(selection.where, change);
  return (await readDeliveries(pool, filters, { after, direction: "asc", take })).map(
    ({ id }) => id,
  );
}

/** Counts the selected deliveries that are in a status that the change applies to. */
export async function countMatching(
  pool: Pool,
  change: DeliveryChange,
  selection: Selection,
): Promise<number> {
  if ("where" in selection) return countDeliveries(pool, narrowTo(selection.where, change));
  const { rows } = await pool.query<{ count: number }>(
    "SELECT count(*)::int AS count FROM deliveries WHERE id = ANY($1::uuid[]) AND status = ANY($2::delivery_status[])",
    [selection.ids, statusesFor(change)],
  );
  return rows[0]!.count;
}

/** Narrows filters to the statuses that the change applies to. */
function narrowTo(filters: DeliveryFilters, change: DeliveryChange): DeliveryFilters {
  const { status } = filters;
  return {
    ...filters,
    status: statusesFor(change).filter((each) => status === undefined || status.includes(each)),
  };
}

/**
 * Wakes the workflows that the changed rows concern. A campaign’s workflow is woken instead of its lanes: it starts them, or completes.
 * Every other queue is woken itself, also for rows of campaigns in it. Deliveries that wait for a digest have no workflow.
 */
export function wakeFor(
  changed: readonly ChangedRow[],
  wakes: ApiDeps["wakes"],
  requestId: string,
): void {
  for (const id of distinct(changed.map(({ campaignId }) => campaignId)))
    wakes.campaign(publicId("campaign", id), { requestId });
  const queues = changed.map(({ queue }) =>
    isLane(queue) || queue === waitingDigests ? null : queue,
  );
  for (const queue of distinct(queues)) wakes.queue(queue, { requestId });
}

const distinct = (values: readonly (string | null)[]): string[] => [
  ...new Set(values.filter((value) => value !== null)),
];
