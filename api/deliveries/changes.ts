import type { Context } from "hono";
import type { Pool } from "pg";
import { inTransaction } from "../../ledger/transaction.ts";
import { publicId } from "../../domain/ids.ts";
import { ownQueue, reopenGroups } from "../../ledger/conditions.ts";
import type { DeliveryStatus } from "../../domain/delivery/status.ts";
import type { Priority } from "../../domain/priority.ts";
import { isLane, shardNames, waitingDigests } from "../../domain/delivery/queues.ts";
import { heldReasons } from "../../domain/delivery/reasons.ts";
import { createRunningEntry } from "../http/audit.ts";
import type { ApiEnv } from "../http/context.ts";
import { countDeliveries, type DeliveryFilters, readDeliveries } from "./filters.ts";
import { leaveGroups, lockGroups } from "../../ledger/groups.ts";
import type { ApiDeps } from "../http/router.ts";
import { type Run, runOn } from "../../ledger/run.ts";

/** What may be done to deliveries by hand. */
export type DeliveryChange =
  | { action: "retry"; includeUnknown: boolean }
  | { action: "cancel" }
  | { action: "send" }
  | { action: "reprioritise"; priority: Priority };

/** Changes of what waits. */
type WaitingChange = Exclude<DeliveryChange, { action: "retry" }>;

export type SkipReason =
  | "notFound"
  | "notFailed"
  | "campaignCancelled"
  | "recipientErased"
  | "notPending"
  /** Somebody else holds it: it is being handed over, or decided about at this moment. */
  | "sending"
  | "campaignNotRunning"
  | "ofCampaign"
  | "samePriority";

export type Skipped = Partial<Record<SkipReason, number>>;

/** A row that a workflow has to be told of. */
export interface ChangedRow {
  id: string;
  campaignId: string | null;
  queue: string;
}

/** One that may have left a group. */
type Left = ChangedRow & { groupId: string | null };

/** What became of some deliveries. */
interface Outcome {
  changed: ChangedRow[];
  skipped: Skipped;
  /** Campaigns that were completed and run again. */
  reopened: number;
}

interface Candidate {
  id: string;
  campaignId: string | null;
  recipientId: string;
  leg: string;
  status: DeliveryStatus;
  priority: Priority;
  groupId: string | null;
}

type Shards = Pick<ApiDeps["config"], "mailboxShards">;

/** Statuses that a change looks at; of all others it changes nothing. */
function statusesFor(change: DeliveryChange): DeliveryStatus[] {
  if (change.action !== "retry") return ["pending", "sending"];
  return change.includeUnknown ? ["failed", "unknown"] : ["failed"];
}

/** Changes those of these deliveries that can be, within the transaction of `run`. Locks are taken in the order of ids. */
export async function changeRows(
  run: Run,
  change: DeliveryChange,
  ids: readonly string[],
  shards: Shards,
): Promise<Outcome> {
  const candidates = await run<Candidate>(
    `SELECT id, campaign_id AS "campaignId", recipient_id AS "recipientId", leg, status, priority, group_id AS "groupId"
     FROM deliveries WHERE id = ANY($1::uuid[])`,
    [ids],
  );
  const notFound = ids.length - candidates.length;
  const outcome =
    change.action === "retry"
      ? await retry(run, change, candidates)
      : await changeWaiting(run, change, candidates, shards);
  return { ...outcome, skipped: added(outcome.skipped, { notFound }) };
}

/**
 * Failed rows become due now, with as many attempts before them as a new row has; their attempts stay, and so does their
 * group: those that went out as one message, and are tried again, are one again. The campaigns are locked first, as
 * whoever completes or cancels one does, and recipients are held against erasure.
 */
async function retry(
  run: Run,
  change: Extract<DeliveryChange, { action: "retry" }>,
  candidates: readonly Candidate[],
): Promise<Outcome> {
  const statuses = statusesFor(change);
  const eligible = candidates.filter(({ status }) => statuses.includes(status));
  const campaigns = await run<{ id: string; over: boolean }>(
    "SELECT id, status = 'cancelled' OR recalled_at IS NOT NULL AS over FROM campaigns WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE",
    [distinct(eligible.map(({ campaignId }) => campaignId))],
  );
  const over = idsOf(campaigns.filter((campaign) => campaign.over));
  const alive = eligible.filter(({ campaignId }) => campaignId === null || !over.has(campaignId));
  const recipients = idsOf(
    await run<{ id: string }>(
      "SELECT id FROM recipients WHERE id = ANY($1::uuid[]) AND erased_at IS NULL ORDER BY id FOR KEY SHARE",
      [distinct(alive.map(({ recipientId }) => recipientId))],
    ),
  );
  const wanted = alive.filter(({ recipientId }) => recipients.has(recipientId));
  const changed = await run<
    ChangedRow & { leg: string; groupId: string | null; attemptCount: number }
  >(
    `UPDATE deliveries d SET status = 'pending', due_at = clock_timestamp(), reason = 'retry_requested', detail = NULL,
       forgiven_count = d.attempt_count, finished_at = NULL, lease_token = NULL, lease_until = NULL
     FROM (SELECT id FROM deliveries WHERE id = ANY($1::uuid[]) AND status = ANY($2::delivery_status[]) ORDER BY id FOR UPDATE) AS held
     WHERE d.id = held.id RETURNING d.id, d.campaign_id AS "campaignId", d.queue, d.leg,
       d.group_id AS "groupId", d.attempt_count AS "attemptCount"`,
    [wanted.map(({ id }) => id), statuses],
  );
  // Their message could not be made.
  const unsent = distinct(changed.map((row) => (row.attemptCount === 0 ? row.groupId : null)));
  if (unsent.length > 0) await run(reopenGroups("$1::uuid[]"), [unsent]);
  const reopened = await run<{ id: string }>(
    `UPDATE campaigns SET status = 'running', finished_at = NULL, version = version + 1, updated_at = clock_timestamp()
     WHERE id = ANY($1::uuid[]) AND status = 'completed' RETURNING id`,
    // What was snoozed is in no account of its campaign, which may be over for good.
    [distinct(changed.map(({ campaignId, leg }) => (leg === "primary" ? campaignId : null)))],
  );
  return {
    changed,
    skipped: {
      // Somebody was faster with some of those that were wanted.
      notFailed: candidates.length - eligible.length + (wanted.length - changed.length),
      campaignCancelled: eligible.length - alive.length,
      recipientErased: alive.length - wanted.length,
    },
    reopened: reopened.length,
  };
}

/** What a change writes to rows that wait. Each leaves its group: it ends, or goes its own way from then on. */
const written: Record<WaitingChange["action"], string> = {
  cancel: `status = 'cancelled', reason = 'delivery_cancelled', detail = NULL, due_at = NULL, finished_at = clock_timestamp()`,
  // Digests are never critical. That a row was held stays known, so that its wait does not count as slowness.
  send: `due_at = clock_timestamp(), reason = 'send_requested', detail = NULL, hold_count = greatest(d.hold_count, 1),
    queue = CASE WHEN d.queue LIKE 'digest/%' THEN ${ownQueue("d", "bound.mailboxes")} ELSE d.queue END`,
  // What is due may have been read, and be about to be held for the priority it had: that is written only where `due_at` is
  // as it was read. A millisecond does not cost it its place.
  reprioritise: `priority = bound.priority,
    due_at = CASE WHEN held.policy THEN clock_timestamp() WHEN d.due_at <= clock_timestamp() THEN d.due_at + interval '1 millisecond' ELSE d.due_at END,
    reason = CASE WHEN held.policy THEN 'decide_again' ELSE d.reason END, detail = CASE WHEN held.policy THEN NULL ELSE d.detail END,
    hold_count = CASE WHEN held.policy THEN greatest(d.hold_count, 1) ELSE d.hold_count END,
    queue = CASE WHEN bound.priority = 'critical' THEN ${ownQueue("d", "bound.critical")} WHEN d.queue LIKE 'critical/%' OR d.queue LIKE 'digest/%' THEN ${ownQueue("d", "bound.mailboxes")} ELSE d.queue END`,
};

/**
 * Changes what waits. A row that somebody holds is as good as being handed over, and is not waited for; nor is one that has
 * joined another group since it was read.
 */
async function changeWaiting(
  run: Run,
  change: WaitingChange,
  candidates: readonly Candidate[],
  { mailboxShards }: Shards,
): Promise<Outcome> {
  const open = candidates.filter(({ status }) => status === "pending" || status === "sending");
  const { wanted, skipped } = await suitable(run, change, open);
  const groups = distinct(wanted.map(({ groupId }) => groupId));
  await lockGroups(run, groups);
  const changed = await run<Left>(
    `UPDATE deliveries d SET ${written[change.action]}, group_id = NULL, lease_token = NULL, lease_until = NULL
     FROM (
       SELECT id, group_id, coalesce(reason = ANY($3::text[]), false) AS policy FROM deliveries
       WHERE id = ANY($1::uuid[]) AND status = 'pending' AND due_at IS NOT NULL
         AND (lease_until IS NULL OR lease_until <= clock_timestamp()) AND (group_id IS NULL OR group_id = ANY($2::uuid[]))
       ORDER BY id FOR UPDATE SKIP LOCKED
     ) AS held,
     (SELECT $4::text[] AS mailboxes, $5::text[] AS critical, $6::priority AS priority) AS bound
     WHERE d.id = held.id RETURNING d.id, d.campaign_id AS "campaignId", d.queue, held.group_id AS "groupId"`,
    [
      wanted.map(({ id }) => id),
      groups,
      heldReasons,
      shardNames("mailbox", mailboxShards),
      shardNames("critical", mailboxShards),
      change.action === "reprioritise" ? change.priority : null,
    ],
  );
  await leaveGroups(run, changed);
  return {
    changed,
    skipped: {
      ...skipped,
      notPending: candidates.length - open.length,
      sending: wanted.length - changed.length,
    },
    reopened: 0,
  };
}

/** Of open rows, those that a change is for, whoever holds them; of the others how many there are, by why. */
async function suitable(
  run: Run,
  change: WaitingChange,
  open: readonly Candidate[],
): Promise<{ wanted: readonly Candidate[]; skipped: Skipped }> {
  switch (change.action) {
    case "cancel":
      return { wanted: open, skipped: {} };
    case "send": {
      const running = idsOf(
        await run<{ id: string }>(
          "SELECT id FROM campaigns WHERE id = ANY($1::uuid[]) AND status = 'running'",
          [distinct(open.map(({ campaignId }) => campaignId))],
        ),
      );
      // What a recipient has snoozed comes again whatever became of its campaign.
      const wanted = open.filter(
        ({ campaignId, leg }) =>
          campaignId === null || leg !== "primary" || running.has(campaignId),
      );
      return { wanted, skipped: { campaignNotRunning: open.length - wanted.length } };
    }
    case "reprioritise": {
      // A campaign's own priority is that of its deliveries: it would be given back to them.
      const own = open.filter(({ campaignId }) => campaignId === null);
      const wanted = own.filter(({ priority }) => priority !== change.priority);
      return {
        wanted,
        skipped: {
          ofCampaign: open.length - own.length,
          samePriority: own.length - wanted.length,
        },
      };
    }
  }
}

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
      const outcome = await changeRows(runOn(client), change, ids, config);
      total.changed += outcome.changed.length;
      total.skipped = added(total.skipped, outcome.skipped);
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
  const filters = narrowed(selection.where, change);
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
  if ("where" in selection) return countDeliveries(pool, narrowed(selection.where, change));
  const { rows } = await pool.query<{ count: number }>(
    "SELECT count(*)::int AS count FROM deliveries WHERE id = ANY($1::uuid[]) AND status = ANY($2::delivery_status[])",
    [selection.ids, statusesFor(change)],
  );
  return rows[0]!.count;
}

function narrowed(filters: DeliveryFilters, change: DeliveryChange): DeliveryFilters {
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

function added(a: Skipped, b: Skipped): Skipped {
  const sum = { ...a };
  for (const [reason, count] of Object.entries(b) as [SkipReason, number][])
    sum[reason] = (sum[reason] ?? 0) + count;
  return sum;
}

const distinct = (values: readonly (string | null)[]): string[] => [
  ...new Set(values.filter((value) => value !== null)),
];

const idsOf = (rows: readonly { id: string }[]) => new Set(rows.map(({ id }) => id));
