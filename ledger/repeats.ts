import type { Pool } from "pg";
import { newestUuid } from "../domain/ids.ts";
import { defineStatement, executeOn } from "./sql.ts";
import type { DueDelivery } from "./ledger.ts";
import type { Source } from "./sources.ts";

/*
 * When a message repeats another one, and when a newer one supersedes it. These conditions are the only statement of both rules
 * in SQL: dispatch, explanations, previews and simulations are composed of them. `createRepeats` in
 * domain/policy/simulate-repeats.ts is their twin for simulated time, and test/ledger/repeats.test.ts holds the two together.
 *
 * They are about a delivery `d` of a notification `n`, whatever tables these stand for. Only primary deliveries can be
 * duplicates or superseded: a recipient who snoozes a message wants it again.
 */

/** The policy's window for duplicates, the instant that is decided for, and the last instant whose records count. */
export interface RepeatInstants {
  windowSeconds: string;
  now: string;
  /** `'infinity'` for a decision that is made now; the instant of the decision where it is explained afterwards. */
  recordedBy: string;
}

const handedOver = "'sending', 'sent', 'delivered'";

/** Ids are made in the order of time: the least one of a UUID made at the instant, so that an index bounds the search. */
const firstUuidAt = (instant: string) =>
  `(lpad(to_hex((extract(epoch FROM ${instant}) * 1000)::bigint), 12, '0') || '70008000000000000000')::uuid`;

/** The delivery was made in the millisecond of the notification or later, so that an index skips a recipient's older deliveries. */
const isAsNewAs = (delivery: string, notification: string) =>
  `${delivery}.id >= (left(${notification}.id::text, 13) || '-7000-8000-000000000000')::uuid`;

const isPrimaryWith = (key: string) => `d.leg = 'primary' AND ${key} IS NOT NULL`;

/** It waits to be decided about, and will be so at once. What policy holds will be sent. */
const isUndecided = (delivery: string, notification: string, now: string) =>
  `(${delivery}.status = 'pending' AND coalesce(${delivery}.reason, 'decide_again') = 'decide_again' AND ${notification}.send_at <= ${now})`;

/** It is open, and not to be over before its time comes. */
const isOpen = (delivery: string, notification: string, recordedBy: string) =>
  `(${delivery}.finished_at > ${recordedBy} OR ${delivery}.finished_at IS NULL AND coalesce(${notification}.expires_at > ${delivery}.due_at, true))`;

/** It has been sent, may have been, or will be. */
const reachesSomebody = (delivery: string, notification: string, recordedBy: string) =>
  `(${delivery}.status IN ('sent', 'delivered', 'unknown') OR ${isOpen(delivery, notification, recordedBy)})`;

/**
 * Another notification with the same dedup key was requested for the recipient within the window before the notification, and was
 * sent, may have been, or will be: one that ended without a message told nobody anything. One that was itself a duplicate counts,
 * so that a message which is repeated without end is sent once. `except`: which deliveries `f` of notifications `b` do not count.
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

/** A later notification with the same dedup key has been handed over first, as an urgent one may be. */
const wasSentSince = ({ recordedBy }: Pick<RepeatInstants, "recordedBy">) => `
  EXISTS (
    SELECT FROM notifications o JOIN deliveries e ON e.notification_id = o.id AND e.recipient_id = d.recipient_id
    WHERE o.dedup_key = n.dedup_key AND o.id > n.id AND ${isAsNewAs("e", "n")} AND e.status IN (${handedOver}) AND coalesce(e.decided_at, e.finished_at, e.created_at) <= ${recordedBy}
  )`;

/**
 * Whether the notification repeats one that was requested `before` it, or one sent `since`; null if it repeats none. `except`: as
 * `wasRequestedBefore` has it.
 */
const repeatsColumn = (
  instants: Pick<RepeatInstants, "windowSeconds" | "recordedBy">,
  except?: string,
) => `CASE
  WHEN NOT (${isPrimaryWith("n.dedup_key")}) THEN NULL
  WHEN ${wasRequestedBefore("n", instants, except)} THEN 'before'
  WHEN ${wasSentSince(instants)} THEN 'since'
END`;

/** The same, of those that a simulation does not begin with: its own are found as it goes. */
export const repeatsEndedColumn = (
  instants: Pick<RepeatInstants, "windowSeconds" | "recordedBy">,
) => repeatsColumn(instants, "f.status = 'pending' AND f.leg = 'primary'");

/** A newer notification `o` of the recipient with the type and collapse key of `n`, and its delivery `e`, for which `condition` holds. */
const hasNewer = (typeCollapseKey: string, condition: string) => `(
  ${isPrimaryWith(`coalesce(n.collapse_key, ${typeCollapseKey})`)} AND EXISTS (
    SELECT FROM deliveries e JOIN notifications o ON o.id = e.notification_id
    WHERE e.recipient_id = d.recipient_id AND ${isAsNewAs("e", "n")} AND o.id > n.id
      AND o.type_id IS NOT DISTINCT FROM n.type_id AND coalesce(o.collapse_key, ${typeCollapseKey}) = coalesce(n.collapse_key, ${typeCollapseKey})
      AND (${condition})
  )
)`;

/** A newer message has been sent, is being handed over, or may have arrived: the older one would be read after it. */
const newerWasHandedOver = (recordedBy: string) =>
  `e.status IN (${handedOver}, 'unknown') AND coalesce(e.decided_at, e.finished_at, e.created_at) <= ${recordedBy}`;

/** Whether a newer message that supersedes the notification has been handed over. `typeCollapseKey` is that of the type of `n`. */
export const isSupersededBySent = (
  typeCollapseKey: string,
  { recordedBy }: Pick<RepeatInstants, "recordedBy">,
) => hasNewer(typeCollapseKey, newerWasHandedOver(recordedBy));

/**
 * Whether a newer message supersedes the notification: one that was handed over, or one that waits, and is due or was held. One
 * that itself repeats an earlier message and waits supersedes nothing: it may be about to end as a duplicate. `except`: which of the
 * deliveries `e` of notifications `o` that wait do not count.
 */
const isSuperseded = (typeCollapseKey: string, instants: RepeatInstants, except = "false") =>
  hasNewer(
    typeCollapseKey,
    `${newerWasHandedOver(instants.recordedBy)}
      OR ${isOpen("e", "o", instants.recordedBy)} AND NOT (${except}) AND o.created_at <= ${instants.recordedBy}
        AND (o.send_at <= ${instants.now} OR e.finished_at IS NULL AND e.reason IS NOT NULL)
        AND NOT (e.leg = 'primary' AND o.dedup_key IS NOT NULL AND ${wasRequestedBefore("o", instants)})`,
  );

export interface Repeats {
  duplicate: boolean;
  superseded: boolean;
  /** That depends on a message which is about to be decided itself. */
  undecided: boolean;
}

interface RepeatParameters {
  ids: readonly string[];
  /** The collapse key of each delivery's type, which counts where its notification has none. */
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
  /** Whatever becomes of those that are about to be decided. */
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

/** The repeats of one delivery as of an instant; those of a campaign's delivery are none. */
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
  { recipientId: string; dedupKey: string; at: Date; windowSeconds: number },
  { repeated: boolean }
>(
  `SELECT ${wasRequestedBefore("n", { ...instants, recordedBy: "'infinity'" })} AS repeated
   FROM (SELECT :recipientId::uuid AS recipient_id) AS d,
     (SELECT '${newestUuid}'::uuid AS id, :dedupKey::text AS dedup_key, :at::timestamptz AS created_at) AS n`,
);

/** Whether a message with the dedup key that were requested at an instant would repeat one that was requested before it. */
export async function wouldRepeat(
  pool: Pick<Pool, "query">,
  message: { recipientId: string; dedupKey: string; at: Date },
  windowSeconds: number,
): Promise<boolean> {
  const [row] = await executeOn(pool)(requestedBeforeStatement, { ...message, windowSeconds });
  return row!.repeated;
}

/** Finds what else was requested for the recipients of due deliveries: the same message before, and newer ones of the same matter. */
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
      // No rule asks this of a critical message.
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
