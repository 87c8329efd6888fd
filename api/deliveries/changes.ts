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

/** Which deliveries are meant: at most a batch by name, or whatever the filters hold for. */
export type Selection =
  | { ids: readonly string[] }
  /** `after`: those that were made after this one; all where it is null. */
  | { where: DeliveryFilters; after: string | null };

export interface Progress {
  changed: number;
  skipped: Skipped;
  /** The time was up first: the last that was looked at. Null where all were. */
  goOnAfter: string | null;
}

/** Rows of one transaction: few enough not to keep claims and other changes waiting. */
const batchRows = 5_000;

/**
 * Changes all that match, a batch a transaction in the order of creation, until `budgetMs` is up; each batch is audited
 * with it, and told to whom it concerns. With `where`, only rows in the statuses that the change is for are looked at.
 * @param shownSelection what the audit trail says was asked for
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
    const ids = await nextOf(pool, change, selection, after, batch);
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
        goOnAfter: done ? null : after,
      };
    }
  }
}

async function nextOf(
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

/** How many of the selection are in a status that the change is for. */
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

/** The filters, with the statuses that the change is for. */
function narrowTo(filters: DeliveryFilters, change: DeliveryChange): DeliveryFilters {
  const { status } = filters;
  return {
    ...filters,
    status: statusesFor(change).filter((of) => status === undefined || status.includes(of)),
  };
}

/**
 * Campaigns start their lanes, or complete; other queues, which may hold rows of campaigns too, are drained by nobody else.
 * What waits for a digest has no workflow to be told.
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
