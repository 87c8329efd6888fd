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

/** How many dry runs run at once. Each may count every delivery, and connections must remain for accepting notifications. */
const dryRunsAtOnce = 2;

/** Changes one delivery. Throws the problem if that delivery cannot be changed in this way. */
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
    // The instants are read before the change too, so that the audit trail shows no difference where there is none.
    const json = await deliveryJson(execute, before);
    const { changed, skipped } = await applyOperatorChange(execute, change, [id], services.config);
    const body = await deliveryJson(execute, (await readDelivery(execute, id))!);
    if (skipped.samePriority) return { body, changes: [] };
    if (changed.length === 0)
      throw new Problem("conflict", explainSkip(skipped, change, body.status));
    const was = omitDetail(json);
    return {
      body,
      changes: [changeOf(`delivery.${change.action}`, body.id, was, omitDetail(body))],
      committed: () => wakeFor(changed, services.wakes, c.get("requestId")),
    };
  });
}

type SelectedBody = { ids: string[] } | { where: DeliveryFilters; cursor?: string | undefined };

/** Reads what the body of a request selects, and the facts about it for the audit trail. Resolves with null if no delivery can match. */
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

/** Creates the function that changes many deliveries in a request. It limits how many dry runs run at once. */
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
    const facts = { ...found.facts, ...toAuditedDetails(change) };
    const { changed, skipped, continueAfter } = await changeDeliveries(
      c,
      services,
      change,
      found.selection,
      facts,
    );
    const nextCursor = continueAfter && publicId("delivery", continueAfter);
    return { changed, skipped: countSkipped(skipped), nextCursor };
  };
}

/** The parameters of a change, for the audit trail. */
function toAuditedDetails(change: DeliveryChange): Record<string, unknown> {
  if (change.action === "retry") return { includeUnknown: change.includeUnknown };
  return change.action === "reprioritise" ? { priority: change.priority } : {};
}

/** The filters, for the audit trail. They name a recipient by the id that Tidings gave, because an external id may be an address. */
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

/** Omits the provider’s answer, which may contain an address: the audit trail is kept longer than the delivery. */
const omitDetail = ({ detail: _detail, ...facts }: Awaited<ReturnType<typeof deliveryJson>>) =>
  facts;

function explainSkip(skipped: Skipped, change: DeliveryChange, status: string): string {
  if (skipped.campaignCancelled)
    return "The campaign of the delivery was cancelled or recalled, so it sends nothing more.";
  if (skipped.recipientErased) return "The recipient of the delivery was erased.";
  if (skipped.noSuchVersion) return "The template of the delivery has no such version.";
  if (skipped.campaignNotRunning)
    return "The campaign of the delivery is not running. Start or resume the campaign to send the delivery.";
  if (skipped.ofCampaign)
    return "The delivery has the priority of its campaign. Change that with PATCH /v1/campaigns/{id}.";
  if (skipped.sending)
    return "The delivery is being handed over or decided at this moment. Try again in a moment.";
  switch (change.action) {
    case "cancel":
      return `The delivery is ${status}. Only a pending delivery can be cancelled.`;
    case "send":
    case "reprioritise":
      return `The delivery is ${status}. Only a pending delivery can be ${change.action === "send" ? "sent at once" : "given another priority"}.`;
    case "retry":
      return status === "unknown"
        ? "It is unknown whether the message arrived. Send { includeUnknown: true } to retry the delivery all the same."
        : `The delivery is ${status}. Only a failed delivery can be retried.`;
  }
}
