import { firstUuidAt } from "../domain/ids.ts";
import { preferenceLinkMail } from "../domain/preference-links.ts";
import { defineStatement, type Execute } from "./sql.ts";

/** The condition that a row of `notifications` is an email with a link to their preferences that a recipient has asked for. Callers cannot make one: the author is Tidings. */
export const isPreferenceLink = (alias: string): string =>
  `(${alias}.created_by = '${preferenceLinkMail.createdBy}' AND ${alias}.entity_id IS NOT DISTINCT FROM '${preferenceLinkMail.entityId}')`;

const countStatement = defineStatement<{ recipientId: string; first: string }, { count: number }>(
  `SELECT count(*)::int AS count FROM deliveries d JOIN notifications n ON n.id = d.notification_id
   WHERE d.recipient_id = :recipientId::uuid AND d.id >= :first::uuid AND ${isPreferenceLink("n")}`,
);

/** Counts the emails with links to their preferences that a recipient, a UUID, was sent since an instant. */
export async function countPreferenceLinkMails(
  execute: Execute,
  recipientId: string,
  since: Date,
): Promise<number> {
  const [row] = await execute(countStatement, { recipientId, first: firstUuidAt(since) });
  return row!.count;
}
