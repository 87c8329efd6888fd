import { type Reason, recipientReasons } from "../domain/delivery/reasons.ts";
import { maxStages, stageLeg } from "../domain/policy/route.ts";

/*
 * SQL conditions on rows of the ledger that workers and the API share. `d` is the name of a table, a view or a subquery of deliveries.
 */

/** Whether the delivery is in no lane. This is the condition of the partial index `open_deliveries_outside_lanes`. */
export const outsideLanes = (d: string) => `${d}.queue NOT LIKE 'campaign/%'`;

/** The legs of the stages of a route. The others are the legs of snoozed messages. */
const stageLegs = Array.from({ length: maxStages }, (_, stage) => stageLeg(stage));

/** Whether the delivery is a stage of its source's route, and not the repeat of a snoozed message. */
export const isStage = (d: string) =>
  `${d}.leg IN (${stageLegs.map((leg) => `'${leg}'`).join(", ")})`;

/**
 * Non-null if the queue has an open delivery (`openIn`), or the campaign has one outside its lanes (`owedOutside`). The order is that of an
 * index, so that PostgreSQL chooses this index even where there is nothing to find.
 */
export const openIn = (queue: string) =>
  `(SELECT true FROM open_deliveries AS o WHERE o.queue = ${queue} ORDER BY o.channel, o.priority, o.due_at LIMIT 1)`;
export const owedOutside = (campaign: string) =>
  `coalesce(${stageLegs
    .map(
      (leg) =>
        `(SELECT true FROM open_deliveries AS o WHERE o.campaign_id = ${campaign} AND ${outsideLanes("o")} AND o.leg = '${leg}' ORDER BY o.priority, o.due_at LIMIT 1)`,
    )
    .join(", ")})`;

/**
 * Whether the campaign of a delivery lets it be handed over. Rows of a campaign move only while it runs, so that a pause, a cancellation or a
 * new start takes effect with its commit. A snoozed message is sent whatever the state of its campaign.
 */
export const sourceRuns = (d: string) =>
  `(${d}.campaign_id IS NULL OR NOT ${isStage(d)} OR ${d}.campaign_id = ANY (ARRAY(SELECT id FROM campaigns WHERE status = 'running' AND finished_at IS NULL)))`;

const listOf = (names: readonly Reason[]) => names.map((reason) => `'${reason}'`).join(", ");

/** A delivery that is due within this time counts as backlog already. */
export const dueSoonMs = 60_000;
export const dueSoon = `(ledger_now() + interval '${dueSoonMs} milliseconds')`;

/** Whether the delivery only waits for a time that its sender or its recipient chose. */
export const waitsForItsTime = (d: string) =>
  `(${d}.reason IS NULL OR ${d}.reason IN (${listOf(["snoozed", "earlier_stage"])}))`;

/**
 * Open deliveries of notifications are of two kinds with separate limits. The backlog is due soon, or waits for its turn, a limit or another
 * attempt (`MAX_UNSENT`). The others are scheduled by the sender or snoozed by the recipient; together with those held because of
 * preferences they count towards `MAX_SCHEDULED`. `soon` is the SQL of the instant `dueSoon`.
 */
export const isBacklog = (d: string, soon: string) =>
  `(${d}.notification_id IS NOT NULL AND CASE WHEN ${waitsForItsTime(d)} THEN ${d}.due_at <= ${soon} ELSE ${d}.reason NOT IN (${listOf(recipientReasons)}) END)`;
export const isScheduled = (d: string, soon: string) =>
  `(${d}.notification_id IS NOT NULL AND ${waitsForItsTime(d)} AND ${d}.due_at > ${soon})`;

/** The queue of the recipient in `queues`, an array with one queue per shard. */
export const ownQueue = (d: string, queues: string) =>
  `(${queues})[get_byte(uuid_send(${d}.recipient_id), 15) % cardinality(${queues}) + 1]`;

/** Whether no valid lease holds the open delivery at the instant `now`: it waits, or its hand-over was interrupted. */
export const isFree = (d: string, now: string) =>
  `(${d}.lease_until IS NULL OR ${d}.lease_until <= ${now})`;

/**
 * Whether the message of an open delivery may have arrived: an earlier attempt had no answer, or a push message is owed only to some devices,
 * because others have taken it.
 */
export const mayHaveArrived = (d: string) =>
  `((${d}.attempt_count > 0 AND EXISTS (SELECT FROM earlier_attempts AS a WHERE a.delivery_id = ${d}.id AND a.outcome = 'unknown'))
    OR (${d}.channel = 'push' AND EXISTS (SELECT FROM address_answers AS x WHERE x.message_id IN (${d}.id, ${d}.group_id))))`;
