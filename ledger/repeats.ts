import type { Pool } from "pg";
import { firstUuidAt } from "../domain/ids.ts";
import type { DueDelivery } from "./ledger.ts";
import type { Source } from "./sources.ts";

/** What else was asked for of the same recipient: the same a moment ago, and newer words of the same matter. */
export interface Echoes {
  of(
    items: readonly { delivery: DueDelivery; source: Source }[],
    now: Date,
    deduplicationSeconds: number,
  ): Promise<(delivery: DueDelivery) => { duplicate: boolean; superseded: boolean }>;
}

/**
 * The same: with its dedup key, asked for within the window before it, or already on its way; what failed or was cancelled
 * told nobody. Whatever became of the one before counts, so that what is repeated without end stays told once. What its
 * recipient asked to be told again is another leg, and no echo of anything.
 */
const duplicatesSql = `
  SELECT w.id FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::uuid[]) AS w(id, recipient_id, key, notification_id, since)
    JOIN deliveries own ON own.id = w.id AND own.leg = 'primary'
  WHERE EXISTS (
    SELECT FROM notifications n JOIN deliveries d ON d.notification_id = n.id AND d.recipient_id = w.recipient_id
    WHERE n.dedup_key = w.key AND n.id >= w.since AND n.id <> w.notification_id
      AND ((n.id < w.notification_id AND d.status NOT IN ('failed', 'cancelled')) OR d.status IN ('sending', 'sent', 'delivered'))
  )`;

/**
 * Newer: with its collapse key and type, asked for after it, waiting, and due by now or waiting for what it waits for. One that
 * only says again what was asked for before it, within $7 seconds, takes no place: it may be about to end as a duplicate.
 */
const supersededSql = `
  SELECT w.id FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::uuid[]) AS w(id, recipient_id, key, notification_id, type_id)
    JOIN deliveries own ON own.id = w.id AND own.leg = 'primary'
  WHERE EXISTS (
    SELECT FROM deliveries d JOIN notifications n ON n.id = d.notification_id LEFT JOIN notification_types t ON t.id = n.type_id
    WHERE d.recipient_id = w.recipient_id AND d.due_at IS NOT NULL AND d.status = 'pending' AND n.id > w.notification_id
      AND n.type_id IS NOT DISTINCT FROM w.type_id AND coalesce(n.collapse_key, t.document ->> 'collapseKey') = w.key
      AND (n.send_at <= $6 OR d.reason IS NOT NULL)
      AND NOT EXISTS (
        SELECT FROM notifications o JOIN deliveries e ON e.notification_id = o.id AND e.recipient_id = w.recipient_id
        WHERE o.dedup_key = n.dedup_key AND o.id < n.id AND o.created_at >= n.created_at - $7::float8 * interval '1 second' AND e.status NOT IN ('failed', 'cancelled')
      )
  )`;

export function createEchoes(pool: Pool): Echoes {
  return {
    async of(items, now, deduplicationSeconds) {
      const owed = items.flatMap(({ delivery, source }) =>
        delivery.notificationId === null || delivery.priority === "critical"
          ? []
          : [{ delivery, source, notificationId: delivery.notificationId }],
      );
      const keyed = owed.filter(({ source }) => source.dedupKey !== null);
      const collapsing = owed.filter(({ source }) => source.collapseKey !== null);
      const [duplicates, superseded] = await Promise.all([
        idsOf(pool, keyed.length, "duplicates", duplicatesSql, () => [
          keyed.map(({ delivery }) => delivery.id),
          keyed.map(({ delivery }) => delivery.recipient.id),
          keyed.map(({ source }) => source.dedupKey),
          keyed.map(({ notificationId }) => notificationId),
          keyed.map(({ source }) =>
            firstUuidAt(new Date(source.createdAt.getTime() - deduplicationSeconds * 1_000)),
          ),
        ]),
        idsOf(pool, collapsing.length, "superseded", supersededSql, () => [
          collapsing.map(({ delivery }) => delivery.id),
          collapsing.map(({ delivery }) => delivery.recipient.id),
          collapsing.map(({ source }) => source.collapseKey),
          collapsing.map(({ notificationId }) => notificationId),
          collapsing.map(({ source }) => source.type?.id ?? null),
          now,
          deduplicationSeconds,
        ]),
      ]);
      return ({ id }) => ({ duplicate: duplicates.has(id), superseded: superseded.has(id) });
    },
  };
}

async function idsOf(
  pool: Pool,
  count: number,
  name: string,
  text: string,
  values: () => unknown[],
): Promise<ReadonlySet<string>> {
  if (count === 0) return none;
  const { rows } = await pool.query<{ id: string }>({ name, text, values: values() });
  return new Set(rows.map(({ id }) => id));
}

const none: ReadonlySet<string> = new Set();
