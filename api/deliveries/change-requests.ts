import type { Context } from "hono";
import type { Pool } from "pg";
import { parsePublicId, publicId } from "../../domain/ids.ts";
import {
  applyOperatorChange,
  type DeliveryChange,
  type SkipReason,
  type Skipped,
} from "../../ledger/operator-changes.ts";
import { executeIn } from "../../ledger/sql.ts";
import { createLimiter } from "../../lib/concurrency-limit.ts";
import { changeOf } from "../http/audit.ts";
import type { ApiEnv } from "../http/context.ts";
import { withIdempotentTransaction } from "../http/idempotency.ts";
import { throwNotFound, readPathId } from "../http/path-ids.ts";
import { Problem } from "../http/problem.ts";
import type { Services } from "../services.ts";
import { changeDeliveries, countMatching, type Selection, wakeFor } from "./changes.ts";
import { type DeliveryFilters, findNamed } from "./filters.ts";
import { deliveryJson, readDelivery } from "./store.ts";

/** A dry run may count every delivery: so many run at once that connections are left for accepting notifications. */
const dryRunsAtOnce = 2;

/** Changes one delivery; throws the problem of one that cannot be changed so. */
export function changeOne(
  c: Context<ApiEnv>,
  services: Services,
  reference: string,
  change: DeliveryChange,
) {
  return withIdempotentTransaction(c, services, 200, async (tx) => {
    const id = readPathId("delivery", reference);
    const execute = executeIn(tx);
    const before = await readDelivery(execute, id);
    if (!before) throwNotFound("delivery");
    const { changed, skipped } = await applyOperatorChange(execute, change, [id], services.config);
    const body = deliveryJson((await readDelivery(execute, id))!);
    if (skipped.samePriority) return { body, changes: [] };
    if (changed.length === 0)
      throw new Problem("conflict", whySkipped(skipped, change, body.status));
    const was = withoutDetail(deliveryJson(before));
    return {
      body,
      changes: [changeOf(`delivery.${change.action}`, body.id, was, withoutDetail(body))],
      committed: () => wakeFor(changed, services.wakes, c.get("requestId")),
    };
  });
}

type SelectedBody = { ids: string[] } | { where: DeliveryFilters; cursor?: string | undefined };

/** What the body of a request selects, and how the audit trail says it. Null: no delivery can match. */
async function readSelection(
  pool: Pool,
  body: SelectedBody,
): Promise<{ selection: Selection; facts: Record<string, unknown> } | null> {
  if ("ids" in body) {
    const uuids = [...new Set(body.ids.map((id) => parsePublicId("delivery", id)!))];
    return { selection: { ids: uuids }, facts: { ids: uuids.length } };
  }
  const where = await findNamed(pool, body.where);
  const after = body.cursor === undefined ? null : parsePublicId("delivery", body.cursor);
  return where && { selection: { where, after }, facts: { where: toAuditedFilters(where) } };
}

/** Makes changes of many deliveries; its dry runs are limited, for each may count every delivery. */
export function createBulkChange(services: Services) {
  const { pool } = services;
  const limitDryRuns = createLimiter(dryRunsAtOnce);

  return async <Reason extends SkipReason>(
    c: Context<ApiEnv>,
    change: DeliveryChange,
    body: SelectedBody & { dryRun: boolean },
    reasons: readonly Reason[],
  ) => {
    const countSkipped = (skipped: Skipped) =>
      Object.fromEntries(reasons.map((reason) => [reason, skipped[reason] ?? 0])) as Record<
        Reason,
        number
      >;
    const found = await readSelection(pool, body);
    if (body.dryRun || !found) {
      const matched = found
        ? await limitDryRuns(() => countMatching(pool, change, found.selection))
        : 0;
      const nothing = { changed: 0, skipped: countSkipped({}), nextCursor: null };
      return body.dryRun ? { matched, ...nothing } : nothing;
    }
    const facts = { ...found.facts, ...detailsOf(change) };
    const { changed, skipped, goOnAfter } = await changeDeliveries(
      c,
      services,
      change,
      found.selection,
      facts,
    );
    const nextCursor = goOnAfter && publicId("delivery", goOnAfter);
    return { changed, skipped: countSkipped(skipped), nextCursor };
  };
}

/** What the audit trail says of a change beside its name. */
function detailsOf(change: DeliveryChange): Record<string, unknown> {
  if (change.action === "retry") return { includeUnknown: change.includeUnknown };
  return change.action === "reprioritise" ? { priority: change.priority } : {};
}

/** Filters as the caller gave them, but for a recipient's own name, which may be an address. */
function toAuditedFilters({
  campaign,
  notification,
  recipient,
  type,
  group,
  ...rest
}: DeliveryFilters) {
  return {
    ...rest,
    ...(campaign && { campaign: publicId("campaign", campaign) }),
    ...(notification && { notification: publicId("notification", notification) }),
    ...(recipient && { recipient: publicId("recipient", recipient) }),
    ...(type && { type: publicId("notificationType", type) }),
    ...(group && { group: publicId("group", group) }),
  };
}

/** A delivery without what the provider said, which may name an address: the audit trail outlives the delivery. */
const withoutDetail = ({ detail: _said, ...facts }: ReturnType<typeof deliveryJson>) => facts;

function whySkipped(skipped: Skipped, change: DeliveryChange, status: string): string {
  if (skipped.campaignCancelled)
    return "Its campaign was cancelled or recalled: nothing more of it is sent.";
  if (skipped.recipientErased) return "Its recipient was erased.";
  if (skipped.noSuchVersion) return "Its template has no such version.";
  if (skipped.campaignNotRunning)
    return "Its campaign does not run: start or resume that, and it is sent.";
  if (skipped.ofCampaign)
    return "It has the priority of its campaign: change that with PATCH /v1/campaigns/{id}.";
  if (skipped.sending)
    return "It is being handed over, or decided about at this moment: look again in a while.";
  switch (change.action) {
    case "cancel":
      return `It is ${status}: only what is pending can be cancelled.`;
    case "send":
    case "reprioritise":
      return `It is ${status}: only what is pending can be ${change.action === "send" ? "sent at once" : "given another priority"}.`;
    case "retry":
      return status === "unknown"
        ? "Nobody knows whether it arrived. Send { includeUnknown: true } to try it again nevertheless."
        : `It is ${status}: only what failed can be tried again.`;
  }
}
