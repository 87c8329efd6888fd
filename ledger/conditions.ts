import { type Reason, recipientReasons } from "../domain/delivery/reasons.ts";

/*
 * What workers and the API ask of rows of the ledger in the same words. `d` and the like are names of a table, a view or a subquery
 * of deliveries.
 */

/** It is in no lane of its campaign. In the words of the index `open_deliveries_outside_lanes`, which holds open ones. */
export const outsideLanes = (d: string) => `${d}.queue NOT LIKE 'campaign/%'`;

/**
 * Whether anything is open in the queue, and whether the campaign owes anything that is open outside its lanes: null if not.
 * The order is that of an index, so that no other way is taken to find nothing.
 */
export const openIn = (queue: string) =>
  `(SELECT true FROM open_deliveries AS o WHERE o.queue = ${queue} ORDER BY o.channel, o.priority, o.due_at LIMIT 1)`;
export const owedOutside = (campaign: string) =>
  `(SELECT true FROM open_deliveries AS o WHERE o.campaign_id = ${campaign} AND ${outsideLanes("o")} AND o.leg = 'primary' ORDER BY o.priority, o.due_at LIMIT 1)`;

/**
 * It may be handed over, as far as its campaign goes. Rows of a campaign move only while it runs: pause, cancel and reschedule
 * need nothing but their own commit. What a recipient has asked to be told again comes whatever became of its campaign.
 */
export const sourceRuns = (d: string) =>
  `(${d}.campaign_id IS NULL OR ${d}.leg <> 'primary' OR ${d}.campaign_id = ANY (ARRAY(SELECT id FROM campaigns WHERE status = 'running' AND finished_at IS NULL)))`;

const listOf = (names: readonly Reason[]) => names.map((reason) => `'${reason}'`).join(", ");

/** What is due by then counts as backlog already: it is about to take its turn. */
export const dueSoonMs = 60_000;
export const dueSoon = `(ledger_now() + interval '${dueSoonMs} milliseconds')`;

/** It waits for a time that its sender or its recipient named, and for nothing else. */
export const waitsForItsTime = (d: string) =>
  `(${d}.reason IS NULL OR ${d}.reason = '${"snoozed" satisfies Reason}')`;

/**
 * Of an open delivery outside campaigns, two kinds of waiting, each with a bound of its own: the backlog, which is due soon or waits for
 * its turn, a limit or another try (`MAX_UNSENT`); and what is for later, since its sender scheduled it or its recipient snoozed it
 * (`MAX_SCHEDULED`, with what is held as the recipient wishes). `soon` is an instant, as `dueSoon` has it.
 */
export const isBacklog = (d: string, soon: string) =>
  `(${d}.notification_id IS NOT NULL AND CASE WHEN ${waitsForItsTime(d)} THEN ${d}.due_at <= ${soon} ELSE ${d}.reason NOT IN (${listOf(recipientReasons)}) END)`;
export const isScheduled = (d: string, soon: string) =>
  `(${d}.notification_id IS NOT NULL AND ${waitsForItsTime(d)} AND ${d}.due_at > ${soon})`;

/** Of an array of queues, one a shard, that of its recipient. */
export const ownQueue = (d: string, queues: string) =>
  `(${queues})[get_byte(uuid_send(${d}.recipient_id), 15) % cardinality(${queues}) + 1]`;

/** Nobody holds the open delivery, as the instant has it: it waits, or its hand-over was cut off. */
export const isFree = (d: string, now: string) =>
  `(${d}.lease_until IS NULL OR ${d}.lease_until <= ${now})`;

/** An attempt of the open delivery before this one had no answer: its message may have arrived. */
export const hadNoAnswer = (d: string) =>
  `(${d}.attempt_count > 0 AND EXISTS (SELECT FROM earlier_attempts AS a WHERE a.delivery_id = ${d}.id AND a.outcome = 'unknown'))`;
