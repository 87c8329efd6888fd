import type { Pool } from "pg";
import { newestUuid } from "../domain/ids.ts";
import { isStage } from "./conditions.ts";
import { defineStatement, executeOn } from "./sql.ts";
import type { DueDelivery } from "./ledger.ts";
import type { Source } from "./sources.ts";

/*
 * The rules by which a message is a duplicate of another one or is superseded by a newer one. These are the only SQL conditions for both
 * rules: dispatch, explanations, previews and simulations use them. `createRepeats` in domain/policy/simulate-repeats.ts implements the
 * same rules for simulated time, and test/ledger/repeats.test.ts checks that the two agree.
 *
 * The conditions are about a delivery `d` of a notification `n`, which may be any tables. Snoozed messages are no duplicates and are not
 * superseded: a recipient who snoozes a message wants to receive it again.
 */

/** The policy's window for duplicates, the instant of the decision, and the latest instant from which records count. */
export interface RepeatInstants {
  windowSeconds: string;
  now: string;
  /** `'infinity'` for a decision that is made now; the instant of the decision where it is explained afterwards. */
  recordedBy: string;
}

const handedOver = "'sending', 'sent', 'delivered'";

/** The smallest UUIDv7 of an instant: it bounds a search by creation time with the index of ids. */
const firstUuidAt = (instant: string) =>
  `(lpad(to_hex((extract(epoch FROM ${instant}) * 1000)::bigint), 12, '0') || '70008000000000000000')::uuid`;

/** Whether the delivery is not older than the notification: an index can then skip a recipient's older deliveries. */
const isAsNewAs = (delivery: string, notification: string) =>
  `${delivery}.id >= (left(${notification}.id::text, 13) || '-7000-8000-000000000000')::uuid`;

const isStageWith = (key: string) => `${isStage("d")} AND ${key} IS NOT NULL`;

/** Whether the delivery is due and not yet decided. A delivery that policy holds is already decided: it will be sent. */
const isUndecided = (delivery: string, notification: string, now: string) =>
  `(${delivery}.status = 'pending' AND coalesce(${delivery}.reason, 'decide_again') = 'decide_again' AND ${notification}.send_at <= ${now})`;

/** Whether the delivery is open and does not expire before it is due. */
const isOpen = (delivery: string, notification: string, recordedBy: string) =>
  `(${delivery}.finished_at > ${recordedBy} OR ${delivery}.finished_at IS NULL AND coalesce(${notification}.expires_at > ${delivery}.due_at, true))`;

/** Whether the delivery has been sent, may have been sent, or will be sent. */
const reachesSomebody = (delivery: string, notification: string, recordedBy: string) =>
  `(${delivery}.status IN ('sent', 'delivered', 'unknown') OR ${isOpen(delivery, notification, recordedBy)})`;

/**
 * Whether another notification with the same dedup key was requested for the recipient within the window before the notification, and has
 * been, may have been or will be sent. A duplicate counts too, so that a message which is repeated endlessly is sent only once.
 * `except` is the condition for deliveries `f` of notifications `b` that do not count.
 */
const wasRequestedBefore = (
  n: string,
  { windowSeconds, recordedBy }: Pick<RepeatInstants, "windowSeconds" | "recordedBy">,
  except = "false",
) => `
  EXISTS (
    SELECT FROM notifications b JOIN deliveries f ON f.notification_id = b.id AND f.recipient_id = d.recipient_id
    WHERE b.dedup_key = ${n}.dedup_key AND b.id < ${n}.id AND b.id >= ${firstUuidAt(`(${n}.created_at - ${windowSeconds} * interval '1 second')`)}
      AND (${reachesSomebody("f", "b", recordedBy)} OR f.status = 'suppressed' AND f.reason = 'duplicate' AND EXISTS (
        SELECT FROM notifications root JOIN deliveries g ON g.notification_id = root.id AND g.recipient_id = f.recipient_id
        WHERE root.dedup_key = b.dedup_key AND root.id < b.id AND ${reachesSomebody("g", "root", recordedBy)}
      ))
      AND NOT (${except})
  )`;

/** Whether a later notification with the same dedup key was handed over first, for example an urgent one. */
const wasSentSince = ({ recordedBy }: Pick<RepeatInstants, "recordedBy">) => `
  EXISTS (
    SELECT FROM notifications o JOIN deliveries e ON e.notification_id = o.id AND e.recipient_id = d.recipient_id
    WHERE o.dedup_key = n.dedup_key AND o.id > n.id AND ${isAsNewAs("e", "n")} AND e.status IN (${handedOver}) AND coalesce(e.decided_at, e.finished_at, e.created_at) <= ${recordedBy}
  )`;

/**
 * The column that says whether the notification repeats one that was requested `before` it, or one sent `since`; null if it repeats none.
 * `except` is passed to `wasRequestedBefore`.
 */
const repeatsColumn = (
  instants: Pick<RepeatInstants, "windowSeconds" | "recordedBy">,
  except?: string,
) => `CASE
  WHEN NOT (${isStageWith("n.dedup_key")}) THEN NULL
  WHEN ${wasRequestedBefore("n", instants, except)} THEN 'before'
  WHEN ${wasSentSince(instants)} THEN 'since'
END`;

/** `repeatsColumn` without the waiting deliveries with which a simulation begins: the simulation finds their repeats itself. */
export const repeatsEndedColumn = (
  instants: Pick<RepeatInstants, "windowSeconds" | "recordedBy">,
) => repeatsColumn(instants, `f.status = 'pending' AND ${isStage("f")}`);

/** Whether the recipient has a newer notification `o` with the type and collapse key of `n`, whose delivery `e` fulfils `condition`. */
const hasNewer = (typeCollapseKey: string, condition: string) => `(
  ${isStageWith(`coalesce(n.collapse_key, ${typeCollapseKey})`)} AND EXISTS (
    SELECT FROM deliveries e JOIN notifications o ON o.id = e.notification_id
    WHERE e.recipient_id = d.recipient_id AND ${isAsNewAs("e", "n")} AND o.id > n.id
      AND o.type_id IS NOT DISTINCT FROM n.type_id AND coalesce(o.collapse_key, ${typeCollapseKey}) = coalesce(n.collapse_key, ${typeCollapseKey})
      AND (${condition})
  )
)`;

/** Whether a newer message has been handed over or may have arrived: the recipient would read the older one after it. */
const newerWasHandedOver = (recordedBy: string) =>
  `e.status IN (${handedOver}, 'unknown') AND coalesce(e.decided_at, e.finished_at, e.created_at) <= ${recordedBy}`;

/** Whether a newer message that supersedes the notification has been handed over. `typeCollapseKey` is the collapse key of the type of `n`. */
export const isSupersededBySent = (
  typeCollapseKey: string,
  { recordedBy }: Pick<RepeatInstants, "recordedBy">,
) => hasNewer(typeCollapseKey, newerWasHandedOver(recordedBy));

/**
 * Whether a newer message supersedes the notification: it was handed over, or it waits and is due or was held. A waiting message that repeats an
 * earlier one does not supersede: it may end as a duplicate. `except` is the condition for waiting deliveries `e` of notifications `o` that
 * do not count.
 */
const isSuperseded = (typeCollapseKey: string, instants: RepeatInstants, except = "false") =>
  hasNewer(
    typeCollapseKey,
    `${newerWasHandedOver(instants.recordedBy)}
      OR ${isOpen("e", "o", instants.recordedBy)} AND NOT (${except}) AND o.created_at <= ${instants.recordedBy}
        AND (o.send_at <= ${instants.now} OR e.finished_at IS NULL AND e.reason IS NOT NULL)
        AND NOT (${isStage("e")} AND o.dedup_key IS NOT NULL AND ${wasRequestedBefore("o", instants)})`,
  );

export interface Repeats {
  duplicate: boolean;
  superseded: boolean;
  /** Whether the result depends on a message that is not yet decided. */
  undecided: boolean;
}

interface RepeatParameters {
  ids: readonly string[];
  /** The collapse key of each delivery's type, the default for its notification. */
  typeCollapseKeys: readonly (string | null)[];
  windowSeconds: number;
  now: Date;
  recordedBy: Date | "infinity";
}

const instants: RepeatInstants = {
  windowSeconds: ":windowSeconds::float8",
  now: ":now::timestamptz",
  recordedBy: ":recordedBy::timestamptz",
};

interface RepeatsRow {
  id: string;
  duplicate: boolean;
  superseded: boolean;
  /** Whether it is a duplicate, whatever the decision on other messages. */
  isSurelyDuplicate: boolean;
  isSurelySuperseded: boolean;
}

const repeatsStatement = defineStatement<RepeatParameters, RepeatsRow>(
  `SELECT w.id, ${repeatsColumn(instants)} IS NOT NULL AS duplicate, ${isSuperseded("w.type_collapse_key", instants)} AS superseded,
     ${repeatsColumn(instants, isUndecided("f", "b", instants.now))} IS NOT NULL AS "isSurelyDuplicate", ${isSuperseded("w.type_collapse_key", instants, isUndecided("e", "o", instants.now))} AS "isSurelySuperseded"
   FROM unnest(:ids::uuid[], :typeCollapseKeys::text[]) AS w(id, type_collapse_key)
     JOIN deliveries d ON d.id = w.id JOIN notifications n ON n.id = d.notification_id`,
  "repeats",
);

const none: Repeats = { duplicate: false, superseded: false, undecided: false };

const repeatsOf = ({
  duplicate,
  superseded,
  isSurelyDuplicate,
  isSurelySuperseded,
}: RepeatsRow): Repeats => ({
  duplicate,
  superseded,
  undecided: (duplicate || superseded) && !isSurelyDuplicate && !isSurelySuperseded,
});

/** Reads the repeats of one delivery at an instant. A campaign's delivery has none. */
export async function readRepeats(
  pool: Pick<Pool, "query">,
  delivery: { id: string; typeCollapseKey: string | null },
  at: Pick<RepeatParameters, "windowSeconds" | "now" | "recordedBy">,
): Promise<Repeats> {
  const [found] = await executeOn(pool)(repeatsStatement, {
    ids: [delivery.id],
    typeCollapseKeys: [delivery.typeCollapseKey],
    ...at,
  });
  return found ? repeatsOf(found) : none;
}

const requestedBeforeStatement = defineStatement<
  { recipientIds: readonly string[]; dedupKey: string; at: Date; windowSeconds: number },
  { id: string }
>(
  `SELECT d.recipient_id AS id FROM unnest(:recipientIds::uuid[]) AS d(recipient_id),
     (SELECT '${newestUuid}'::uuid AS id, :dedupKey::text AS dedup_key, :at::timestamptz AS created_at) AS n
   WHERE ${wasRequestedBefore("n", { ...instants, recordedBy: "'infinity'" })}`,
);

/** Finds the recipients for whom a message that is requested with the dedup key at an instant would repeat an earlier one. Without a key there are none. */
export async function findRepeating(
  pool: Pick<Pool, "query">,
  { dedupKey, ...message }: { recipientIds: readonly string[]; dedupKey: string | null; at: Date },
  windowSeconds: number,
): Promise<ReadonlySet<string>> {
  if (dedupKey === null) return new Set();
  const rows = await executeOn(pool)(requestedBeforeStatement, {
    ...message,
    dedupKey,
    windowSeconds,
  });
  return new Set(rows.map(({ id }) => id));
}

/** Finds duplicates and superseded messages among due deliveries. */
export interface RepeatLookup {
  of(
    items: readonly { delivery: DueDelivery; source: Source }[],
    now: Date,
    deduplicationSeconds: number,
  ): Promise<(delivery: DueDelivery) => Repeats>;
}

export function createRepeatLookup(pool: Pool): RepeatLookup {
  return {
    async of(items, now, deduplicationSeconds) {
      // Neither rule applies to critical messages.
      const keyed = items.filter(
        ({ delivery, source }) =>
          delivery.notificationId !== null &&
          delivery.priority !== "critical" &&
          (source.dedupKey !== null || source.collapseKey !== null),
      );
      if (keyed.length === 0) return () => none;
      const rows = await executeOn(pool)(repeatsStatement, {
        ids: keyed.map(({ delivery }) => delivery.id),
        typeCollapseKeys: keyed.map(({ source }) => source.type?.collapseKey ?? null),
        windowSeconds: deduplicationSeconds,
        now,
        recordedBy: "infinity",
      });
      const found = new Map(rows.map((row) => [row.id, repeatsOf(row)]));
      return ({ id }) => found.get(id) ?? none;
    },
  };
}
