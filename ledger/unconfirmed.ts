import type { Pool } from "pg";
import { signUpPrefix } from "../domain/sign-up-tokens.ts";
import { LedgerBusy } from "./contention.ts";
import { erasePerson } from "./erasure.ts";
import { defineStatement, executeOn } from "./sql.ts";
import { literalPattern } from "./sql-like.ts";
import { leftBefore } from "./topic-subscriptions.ts";
import { inTransaction } from "./transaction.ts";

/** The number of requests that one call reads. An erasure searches all that operators have written, so that it takes much longer than a removal. */
const batchRows = 50;

/**
 * Somebody whom only the sign-up form knows: nobody has changed them, nothing else was sent to them, and they are subscribed to nothing, nor do they still
 * have the time to confirm.
 */
const isStranger = `(
  r.external_id LIKE :prefix::text AND r.version = 1 AND r.erased_at IS NULL
  AND NOT EXISTS (SELECT FROM topic_subscriptions o WHERE o.recipient_id = r.id AND (o.status <> 'pending' OR o.updated_at >= :before::timestamptz))
  AND NOT EXISTS (SELECT FROM deliveries d LEFT JOIN notifications n ON n.id = d.notification_id
    WHERE d.recipient_id = r.id AND n.created_by IS DISTINCT FROM 'tidings'))`;

const pageStatement = defineStatement<
  { prefix: string; before: Date; after: Date },
  { id: string; recipientId: string; updatedAt: Date; isStranger: boolean }
>(`
  SELECT s.id, s.recipient_id AS "recipientId", s.updated_at AS "updatedAt", ${isStranger} AS "isStranger"
  FROM topic_subscriptions s JOIN recipients r ON r.id = s.recipient_id
  WHERE s.status = 'pending' AND s.updated_at >= :after::timestamptz AND s.updated_at < :before::timestamptz
  ORDER BY s.updated_at, s.id LIMIT ${batchRows}`);

/** Anybody who had unsubscribed before they were asked is unsubscribed again, so that it is known which way they left. */
const removeStatement = defineStatement<{ ids: readonly string[]; before: Date }, object>(`
  WITH expired AS MATERIALIZED (
    SELECT s.id, ${leftBefore} AS left_by FROM topic_subscriptions s
    WHERE s.id = ANY(:ids::uuid[]) AND s.status = 'pending' AND s.updated_at < :before::timestamptz FOR UPDATE OF s
  ),
  restored AS (
    UPDATE topic_subscriptions s SET status = 'unsubscribed', changed_by = e.left_by, requested_at = NULL FROM expired e WHERE s.id = e.id AND e.left_by IS NOT NULL
  ),
  removed AS (DELETE FROM topic_subscriptions s USING expired e WHERE s.id = e.id AND e.left_by IS NULL)
  SELECT id FROM expired`);

/**
 * Removes requests to subscribe that were not confirmed before `before`, and erases those whom nothing else is known of. Somebody who cannot be erased now,
 * because another transaction changes them, is left for the next day.
 */
export async function removeUnconfirmed(
  pool: Pool,
  { now, before, after }: { now: Date; before: Date; after: string | null },
): Promise<{ removed: number; after: string | null }> {
  const page = await executeOn(pool)(pageStatement, {
    prefix: `${literalPattern(signUpPrefix)}%`,
    before,
    after: new Date(after ?? 0),
  });
  const ids = page.filter((row) => !row.isStranger).map(({ id }) => id);
  let removed = (await executeOn(pool)(removeStatement, { ids, before })).length;
  const strangers = page.filter((row) => row.isStranger);
  for (const id of new Set(strangers.map(({ recipientId }) => recipientId))) {
    const isErased = await erase(pool, id, now);
    if (isErased) removed += strangers.filter(({ recipientId }) => recipientId === id).length;
  }
  const last = page.at(-1);
  return { removed, after: page.length < batchRows ? null : last!.updatedAt.toISOString() };
}

async function erase(pool: Pool, id: string, now: Date): Promise<boolean> {
  try {
    return (
      (await inTransaction(pool, (client) => erasePerson(executeOn(client), { id }, now))) !== null
    );
  } catch (error) {
    if (error instanceof LedgerBusy) return false;
    throw error;
  }
}
