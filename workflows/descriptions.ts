import type { Activities } from "../activities/index.ts";
import type { DispatchResult } from "../activities/dispatch/loop.ts";
import type { CampaignStep } from "../activities/advance-campaign.ts";
import type { Sweep } from "../activities/sweep-digests.ts";
import type { Queue } from "../domain/delivery/queues.ts";
import type { RetentionTable } from "../domain/retention.ts";

/*
 * What Temporal's UI and CLI show beside workflows, activities and timers. All of it is for operators, stays in histories, and so holds
 * nothing but ids, counts and instants; summaries are written with each event, and are short.
 */

/** What a queue holds. */
export function describeQueue(queue: Queue): string {
  switch (queue.kind) {
    case "lane":
      return `Lane ${queue.lane} of campaign ${queue.campaignId}`;
    case "critical":
      return `Critical notifications, shard ${queue.shard}`;
    case "mailbox":
      return `Notifications, shard ${queue.shard}`;
    case "digest":
      return `Digests, lane ${queue.lane}`;
  }
}

/** The summaries of activities. */
export const activitySummaries = {
  advanceCampaign: "Asks the ledger what the campaign has to do next",
  dispatch: "Sends what is due in the queue",
  publishEvents: "Tells the outside what recipients did, for some minutes",
  relayOverdue: "Wakes what is overdue and nobody works on, for some minutes",
  removeExpired: "Removes what is past its retention, a round",
  sweepDigests: "Moves digests whose time has come to the lanes that send them",
} as const satisfies Record<keyof Activities, string>;

/** The summary of the timer of a queue that waits for the next of its messages to be due. */
export const describeDue = ({ nextDueAt, waitsFor }: DispatchResult): string =>
  `Until the next message is due, at ${nextDueAt}${waitsFor === null ? "" : `: ${inWords(waitsFor)}`}`;

export const describeAwake = "Empty: stays awake for the next notification";

/** The summary of the timer of a campaign that waits for an instant. */
export const describeWait = ({ why, until }: Extract<CampaignStep, { next: "wait" }>): string =>
  `${why}: until ${until ?? "it is asked again"}`;

export const describeDraining = (lanes: number): string =>
  `Until ${lanes} ${lanes === 1 ? "lane is" : "lanes are"} drained, or the ledger is asked again`;

/** A code, as a reason is one. */
const inWords = (code: string) => code.replaceAll("_", " ");

/** What a queue is doing, in an operator's words, for the Temporal UI. */
export function describeOutlook({ counts, nextDueAt, waitsFor, open }: DispatchResult): string {
  const done = Object.entries(counts).map(([status, count]) => `${count} ${status}`);
  const last =
    done.length === 0
      ? "The last dispatch found nothing to do."
      : `The last dispatch: ${done.join(", ")}.`;
  if (open === 0) return `${last} Nothing is open.`;
  if (nextDueAt === null)
    return `${last} ${open} open, waiting for a signal (the campaign is paused, or over).`;
  return `${last} ${open} open, the next at ${nextDueAt}${waitsFor === null ? "" : `: ${inWords(waitsFor)}`}.`;
}

/** What a campaign is doing, in an operator's words, for the Temporal UI. */
export function describeStep(step: CampaignStep): string {
  switch (step.next) {
    case "wait":
      return step.until === null
        ? `${step.why}; waiting for a signal.`
        : `${step.why}; waiting until ${step.until}.`;
    case "drain":
      return `Running: lanes ${step.lanes.join(", ")} have something open.`;
    case "finished":
      return `${step.status}: ${Object.entries(step.counts)
        .map(([status, count]) => `${count} ${status}`)
        .join(", ")}. The ledger ${step.reconciled ? "adds up" : "DOES NOT ADD UP"}.`;
  }
}

/** What maintenance has removed so far, in an operator's words, for the Temporal UI. */
export function describeRemoved(
  removed: Partial<Record<RetentionTable, number>>,
  current: RetentionTable | null,
): string {
  const counts = Object.entries(removed)
    .filter(([, count]) => count > 0)
    .map(([table, count]) => `${count} ${table.replaceAll("_", " ")}`);
  const so = counts.length === 0 ? "nothing" : counts.join(", ");
  return current === null
    ? `Done. Removed: ${so}.`
    : `Looking through ${current.replaceAll("_", " ")}. Removed so far: ${so}.`;
}

/** What a run of digests did, in an operator's words, for the Temporal UI. */
export function describeSweep({ deliveries, recipients, lanes }: Sweep): string {
  const moved =
    deliveries === 0
      ? "Nothing was due"
      : `Moved ${deliveries} ${deliveries === 1 ? "delivery" : "deliveries"} for ${recipients} ${recipients === 1 ? "recipient" : "recipients"}`;
  return lanes.length === 0 ? `${moved}.` : `${moved}; woke ${lanes.join(", ")}.`;
}
