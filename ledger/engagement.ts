import type { Reason } from "../domain/delivery/reasons.ts";
import { type ReachedLevel, reachedLevels } from "../domain/policy/route.ts";
import { countEngagements, countRemovedEngagements } from "./analytics-cells.ts";
import { isStage } from "./conditions.ts";
import { endDeliveries } from "./on-end.ts";
import { defineStatement, type Execute } from "./sql.ts";
import { recordEngagementEvents } from "./webhook-events.ts";

/*
 * What became of messages after they were handed over. There is one row for each delivery of which something is known, with the first instant of
 * each kind, so that a message that is opened ten times counts once.
 */

/** Each kind, its column for the first instant, its column for the number of times, and the kinds that it proves. */
const kinds = {
  delivered: { column: "delivered_at" },
  seen: { column: "seen_at" },
  read: { column: "read_at", proves: "seen" },
  acted: { column: "acted_at", proves: "read" },
  opened: { column: "opened_at", counter: "opens", proves: "read" },
  clicked: { column: "clicked_at", counter: "clicks", proves: "opened" },
  opened_by_machine: { column: "opened_by_machine_at", counter: "machine_opens" },
  clicked_by_machine: { column: "clicked_by_machine_at", counter: "machine_clicks" },
  unsubscribed: { column: "unsubscribed_at" },
  bounced: { column: "bounced_at" },
  complained: { column: "complained_at" },
} as const satisfies Record<string, { column: string; counter?: string; proves?: string }>;

/** A kind of what can become of a message. */
export type EngagementKind = keyof typeof kinds;

/** Something that became of a message. */
export interface Engagement {
  /** The UUID of a delivery, or of the group that was sent as one message. */
  id: string;
  kind: EngagementKind;
  /** Null: now, by the ledger's clock. */
  at: Date | null;
  /** How many times; only opens and clicks are counted. */
  count: number;
}

/** The same, now, of several deliveries or groups. */
export const engagementsNow = (ids: readonly string[], kind: EngagementKind): Engagement[] =>
  ids.map((id) => ({ id, kind, at: null, count: 1 }));

/** A kind that became known of a delivery for the first time. */
export interface NewEngagement {
  /** The UUID of the delivery. */
  id: string;
  recipientId: string;
  kind: EngagementKind;
}

interface Marks {
  ids: readonly string[];
  kinds: readonly EngagementKind[];
  instants: readonly (Date | null)[];
  counts: readonly number[];
  /** Null for marks of any recipient. */
  recipientId: string | null;
}

const allKinds = Object.keys(kinds) as EngagementKind[];
const columnsOf = Object.values(kinds).map(({ column }) => column);
const counters = allKinds.flatMap((kind) => {
  const { counter } = kinds[kind] as { counter?: string };
  return counter === undefined ? [] : [{ kind, counter }];
});

/** Members that did not go out with their group have another status. */
const named = `
  marks AS MATERIALIZED (
    SELECT id, kind, coalesce(at, ledger_now()) AS at, count FROM unnest(:ids::uuid[], :kinds::text[], :instants::timestamptz[], :counts::int[]) AS m(id, kind, at, count)
  ),
  named AS MATERIALIZED (
    SELECT d.id, d.recipient_id, d.channel, m.kind, m.at, m.count FROM marks m JOIN deliveries d ON d.id = m.id
    UNION ALL
    SELECT d.id, d.recipient_id, d.channel, m.kind, m.at, m.count FROM marks m JOIN deliveries d ON d.group_id = m.id AND d.status NOT IN ('failed', 'suppressed', 'cancelled')
  ),
  owned AS (
    SELECT n.* FROM named n JOIN recipients r ON r.id = n.recipient_id
    WHERE r.erased_at IS NULL AND (:recipientId::uuid IS NULL OR n.recipient_id = :recipientId::uuid)
  )`;

/**
 * An erasure waits until the engagement is committed, and then removes it; or this waits for the erasure, and then the recipient owns nothing. It comes
 * before the locks of deliveries and engagements, because an erasure locks in this order.
 */
const lockOwnersStatement = defineStatement<Marks>(
  `SELECT FROM recipients WHERE id = ANY (ARRAY(
     SELECT recipient_id FROM deliveries WHERE id = ANY(:ids::uuid[]) UNION SELECT recipient_id FROM deliveries WHERE group_id = ANY(:ids::uuid[])
   )) ORDER BY id FOR KEY SHARE`,
  "lock-owners",
);

/** Retention removes no delivery while its engagement is recorded, so that no engagement is left behind alone. */
const lockStatement = defineStatement<Marks>(
  "SELECT id FROM ended_deliveries WHERE id = ANY(:ids::uuid[]) OR group_id = ANY(:ids::uuid[]) ORDER BY id FOR KEY SHARE",
  "lock-engaged",
);

/** A delivery that is open again, because its message bounced, was handed over by its last attempt. */
const addRowsStatement = defineStatement<Marks>(
  `WITH ${named}
   INSERT INTO engagements (delivery_id, recipient_id, handed_at, channel, provider)
   SELECT DISTINCT ON (o.id) o.id, o.recipient_id, coalesce(d.finished_at, a.finished_at, ledger_now()), coalesce(d.channel, a.channel, o.channel), coalesce(d.provider, a.provider)
   FROM owned AS o LEFT JOIN ended_deliveries AS d ON d.id = o.id
     LEFT JOIN LATERAL (
       SELECT * FROM earlier_attempts AS each WHERE d.id IS NULL AND each.delivery_id = o.id ORDER BY number DESC LIMIT 1
     ) AS a ON true
   ORDER BY o.id ON CONFLICT DO NOTHING`,
  "add-engagements",
);

/** The kinds by which a person shows that messages reach them. */
const personal = ["read", "acted", "opened", "clicked"] as const satisfies EngagementKind[];

/**
 * The rows are locked before they are read, so that each kind is new once, however many transactions mark it at once. What is new is counted, and the
 * day on which the recipient was last engaged is noted: at most one change of a row a day.
 */
const markStatement = defineStatement<
  Marks,
  { id: string; recipientId: string; kinds: EngagementKind[] }
>(
  `WITH ${named},
   folded AS MATERIALIZED (
     SELECT id, max(at) AS last_at, ${allKinds.map((kind) => `min(at) FILTER (WHERE kind = '${kind}') AS ${kinds[kind].column}`).join(", ")},
       ${counters.map(({ kind, counter }) => `coalesce(sum(count) FILTER (WHERE kind = '${kind}'), 0)::int AS ${counter}`).join(", ")}
     FROM owned GROUP BY id
   ),
   before AS MATERIALIZED (
     SELECT * FROM engagements WHERE delivery_id = ANY (ARRAY(SELECT id FROM folded)) ORDER BY delivery_id FOR NO KEY UPDATE
   ),
   marked AS (
     UPDATE engagements AS e SET ${columnsOf.map((column) => `${column} = coalesce(b.${column}, f.${column})`).join(", ")},
       ${counters.map(({ counter }) => `${counter} = b.${counter} + f.${counter}`).join(", ")}
     FROM before b JOIN folded f ON f.id = b.delivery_id
     WHERE e.delivery_id = b.delivery_id AND (${columnsOf.map((column) => `(b.${column} IS NULL AND f.${column} IS NOT NULL)`).join(" OR ")}
       OR ${counters.map(({ counter }) => `f.${counter} > 0`).join(" OR ")})
     RETURNING e.delivery_id, e.recipient_id, e.handed_at, e.channel, e.provider, f.last_at, ${counters.map(({ counter }) => `f.${counter}`).join(", ")},
       ${allKinds.map((kind) => `b.${kinds[kind].column} IS NULL AND f.${kinds[kind].column} IS NOT NULL AS has_${kind}`).join(", ")}
   ),
   counted AS (${countEngagements("marked", {
     isRemoved: false,
     at: "m.last_at",
     valueOf: (kind) =>
       kind === "opens" || kind === "clicks" ? `m.${kind}` : `m.has_${kind}::int`,
   })}),
   engaged AS (
     INSERT INTO recipient_engagements AS r (recipient_id, last_engaged_on)
     SELECT recipient_id, (max(last_at) AT TIME ZONE 'UTC')::date FROM marked
     WHERE ${personal.map((kind) => `has_${kind}`).join(" OR ")} OR opens > 0 OR clicks > 0 GROUP BY recipient_id ORDER BY recipient_id
     ON CONFLICT (recipient_id) DO UPDATE SET last_engaged_on = excluded.last_engaged_on WHERE r.last_engaged_on < excluded.last_engaged_on
   )
   SELECT delivery_id AS id, recipient_id AS "recipientId", array_remove(ARRAY[${allKinds.map((kind) => `CASE WHEN has_${kind} THEN '${kind}' END`).join(", ")}], NULL) AS kinds FROM marked`,
  "mark-engagements",
);

/**
 * Ends the later stages of the deliveries `ids` that wait only for their time, and that are not needed once a message has come as far as one of
 * `levels`. The policy decides the same when a stage is due (the rule `already_reached`), so that locked rows can be skipped.
 */
const leaveOutStatement = defineStatement<{ ids: readonly string[]; levels: readonly string[] }>(`
  WITH taken AS (
    DELETE FROM open_deliveries d USING (
      SELECT w.id FROM unnest(:ids::uuid[]) AS named(id) JOIN deliveries own ON own.id = named.id
        JOIN open_deliveries w ON w.recipient_id = own.recipient_id AND (w.campaign_id = own.campaign_id OR w.notification_id = own.notification_id)
        JOIN routes t ON t.id = w.route_id
      WHERE ${isStage("own")} AND ${isStage("w")} AND w.leg > own.leg AND w.reason = '${"earlier_stage" satisfies Reason}' AND w.lease_token IS NULL
        AND t.document #>> ARRAY['stages', right(w.leg, 1), 'after', 'unless'] = ANY(:levels::text[])
      ORDER BY w.id FOR UPDATE OF w SKIP LOCKED
    ) AS locked
    WHERE d.id = locked.id RETURNING d.*
  ),
  ${endDeliveries("taken", {
    status: "'suppressed'::delivery_status",
    reason: `'${"already_reached" satisfies Reason}'`,
  })}
  SELECT FROM ended LIMIT 0`);

/** The kind, and all that it proves. */
function provenBy(kind: EngagementKind): EngagementKind[] {
  const { proves } = kinds[kind] as { proves?: EngagementKind };
  return proves === undefined ? [kind] : [kind, ...provenBy(proves)];
}

/**
 * Records what became of messages, for each delivery that is still stored and whose recipient is not erased; of another recipient than
 * `recipientId` only where that is null. Later stages of their routes that are no longer needed are left out. Needs a transaction. Idempotent, except for
 * the counts of opens and clicks. Resolves with what became known for the first time.
 */
export async function recordEngagements(
  execute: Execute,
  engagements: readonly Engagement[],
  recipientId: string | null = null,
): Promise<NewEngagement[]> {
  const marks = engagements.flatMap((engagement) =>
    provenBy(engagement.kind).map((kind) => ({
      ...engagement,
      kind,
      count: kind === engagement.kind ? engagement.count : 0,
    })),
  );
  if (marks.length === 0) return [];
  const values: Marks = {
    ids: marks.map(({ id }) => id),
    kinds: marks.map(({ kind }) => kind),
    instants: marks.map(({ at }) => at),
    counts: marks.map(({ count }) => count),
    recipientId,
  };
  await execute(lockOwnersStatement, values);
  await execute(lockStatement, values);
  await execute(addRowsStatement, values);
  const rows = await execute(markStatement, values);
  for (const level of reachedLevels) {
    const ids = rows.flatMap((row) => (highestLevel(row.kinds) === level ? [row.id] : []));
    if (ids.length > 0)
      await execute(leaveOutStatement, {
        ids,
        levels: reachedLevels.slice(0, reachedLevels.indexOf(level) + 1),
      });
  }
  const found = rows.flatMap((row) =>
    row.kinds.map((kind) => ({ id: row.id, recipientId: row.recipientId, kind })),
  );
  await recordEngagementEvents(execute, found);
  return found;
}

/** The highest level of routes among new kinds; undefined if there is none. */
const highestLevel = (found: readonly EngagementKind[]): ReachedLevel | undefined =>
  reachedLevels.findLast((level) => (found as readonly string[]).includes(level));

const eraseStatement = defineStatement<{ recipientId: string }>(`
  WITH removed AS (DELETE FROM engagements WHERE recipient_id = :recipientId::uuid RETURNING *),
  person AS (DELETE FROM recipient_engagements WHERE recipient_id = :recipientId::uuid)
  ${countRemovedEngagements("removed")}`);

/** Deletes what a recipient who is being erased has done. The numbers stay, and say that so many are no longer in the ledger. */
export const eraseEngagements = async (execute: Execute, recipientId: string): Promise<void> => {
  await execute(eraseStatement, { recipientId });
};
