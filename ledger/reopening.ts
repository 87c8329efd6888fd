import { stageOfLeg } from "../domain/policy/route.ts";
import { lockRecipients } from "./lock-recipients.ts";
import { defineStatement, type Execute } from "./sql.ts";

/* Ended deliveries become open ones again when an operator retries them, and when a returned message goes on on another channel. */

/** The source and the recipient of a delivery. */
interface Sourced {
  campaignId: string | null;
  recipientId: string;
}

const lockCampaignsStatement = defineStatement<
  { ids: readonly string[] },
  { id: string; over: boolean }
>(
  "SELECT id, status = 'cancelled' OR recalled_at IS NOT NULL AS over FROM campaigns WHERE id = ANY(:ids::uuid[]) ORDER BY id FOR NO KEY UPDATE",
);

const reopenCampaignsStatement = defineStatement<{ ids: readonly string[] }, { id: string }>(
  `UPDATE campaigns SET status = 'running', finished_at = NULL, version = version + 1, updated_at = ledger_now()
   WHERE id = ANY(:ids::uuid[]) AND status = 'completed' RETURNING id`,
);

/**
 * Locks the campaigns of ended deliveries, against completion and cancellation, and then their recipients, against erasure. Resolves with what is true of
 * each delivery: its campaign was cancelled or recalled, and its recipient is not erased.
 */
export async function lockSources(
  execute: Execute,
  deliveries: readonly Sourced[],
): Promise<{ isOver: (of: Sourced) => boolean; isAlive: (of: Sourced) => boolean }> {
  const campaigns = await execute(lockCampaignsStatement, {
    ids: distinct(deliveries.map(({ campaignId }) => campaignId)),
  });
  const over = idsOf(campaigns.filter((campaign) => campaign.over));
  const isOver = ({ campaignId }: Sourced) => campaignId !== null && over.has(campaignId);
  const recipients = await lockRecipients(
    execute,
    distinct(deliveries.map(({ recipientId }) => recipientId)),
  );
  return { isOver, isAlive: ({ recipientId }) => recipients.has(recipientId) };
}

/**
 * Lets the completed campaigns of reopened deliveries run again. A snoozed message does not count in the account of its campaign, which stays completed.
 * Resolves with the number of campaigns.
 */
export async function reopenCampaigns(
  execute: Execute,
  reopened: readonly { campaignId: string | null; leg: string }[],
): Promise<number> {
  const ids = distinct(
    reopened.map(({ campaignId, leg }) => (stageOfLeg(leg) === null ? null : campaignId)),
  );
  return (await execute(reopenCampaignsStatement, { ids })).length;
}

const distinct = (values: readonly (string | null)[]): string[] => [
  ...new Set(values.filter((value) => value !== null)),
];

const idsOf = (rows: readonly { id: string }[]) => new Set(rows.map(({ id }) => id));
