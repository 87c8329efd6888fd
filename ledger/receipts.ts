import type { ActionTarget } from "../domain/tokens.ts";
import { engagementsNow, recordEngagements } from "./engagement.ts";
import { markDelivered } from "./late-outcomes.ts";
import { byTarget, idOf } from "./recipient-actions.ts";
import type { Execute } from "./sql.ts";

/*
 * Receipts of devices: a push service only says that it has accepted a message, and the device says that it has shown it.
 */

/** Members that did not go out with their group have one of these statuses. */
const membersStatement = byTarget<object, { id: string }>(
  (column) => `
  SELECT d.id FROM deliveries d JOIN recipients r ON r.id = d.recipient_id
  WHERE d.${column} = :target::uuid AND r.erased_at IS NULL${column === "group_id" ? " AND d.status NOT IN ('failed', 'suppressed', 'cancelled')" : ""}
  ORDER BY d.id`,
);

/**
 * Records that a device has shown a message, or that its recipient has opened it there: the deliveries of the target that were `sent` on the
 * channel push are `delivered`, and the recipient has seen or read them. A delivery whose hand-over has not been written down yet stays as it is,
 * until another receipt comes. Needs a transaction. Idempotent.
 * @returns whether the deliveries are still stored
 */
export async function recordReceipt(
  execute: Execute,
  target: ActionTarget,
  level: "seen" | "read",
): Promise<boolean> {
  const named = { target: idOf(target) };
  const members = await execute(membersStatement(target), named);
  if (members.length === 0) return false;
  const ids = members.map(({ id }) => id);
  // This locks the recipient, which an erasure locks before the deliveries.
  await recordEngagements(execute, [
    ...engagementsNow(ids, "delivered"),
    ...engagementsNow(ids, level),
  ]);
  await markDelivered(execute, ids, "push");
  return true;
}
