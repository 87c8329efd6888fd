import type { Activities } from "../activities/index.ts";
import type { DispatchResult } from "../activities/dispatch/loop.ts";
import type { CampaignStep } from "../activities/advance-campaign.ts";
import type { Sweep } from "../activities/sweep-digests.ts";
import type { Queue } from "../domain/delivery/queues.ts";
import type { RetentionTable } from "../domain/retention.ts";

/*
 * Texts that Temporal's UI and CLI show beside workflows, activities and timers. They are for operators and stay in histories, so that
 * they contain only ids, counts and instants. Summaries are short, since they are written with each event.
 */

/** Describes the rows of a queue. */
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
  advanceCampaign: "Asks the ledger for the campaign's next step",
  dispatch: "Sends the due messages of the queue",
  publishEvents: "Sends events to the configured receiver, for some minutes",
  relayOverdue:
    "Wakes overdue queues and campaigns that no workflow is working on, for some minutes",
  removeExpired: "Removes a round of rows whose retention has ended",
  resealValues: "Encrypts stored secrets with the newest keys, for a round",
  sweepDigests: "Moves due digests to the lanes that send them",
} as const satisfies Record<keyof Activities, string>;

/** The summary of the timer of a queue, which waits until the next message is due. */
export const describeDue = ({ nextDueAt, waitsFor }: DispatchResult): string =>
  `Until the next message is due, at ${nextDueAt}${waitsFor === null ? "" : `: ${inWords(waitsFor)}`}`;

export const describeAwake = "Empty: stays awake for the next notification";

/** The summary of the timer of a campaign, which waits for an instant. */
export const describeWait = ({ why, until }: Extract<CampaignStep, { next: "wait" }>): string =>
  `${why}: until ${until ?? "it is asked again"}`;

export const describeDraining = (lanes: number): string =>
  `Until ${lanes} ${lanes === 1 ? "lane is" : "lanes are"} drained, or the ledger is asked again`;

/** A code, such as a reason, in words. */
const inWords = (code: string) => code.replaceAll("_", " ");

/** Describes the state of a queue to operators, for the Temporal UI. */
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

/** Describes the state of a campaign to operators, for the Temporal UI. */
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

/** Describes the rows that maintenance has removed so far to operators, for the Temporal UI. */
export function describeRemoved(
  removed: Partial<Record<RetentionTable, number>>,
  current: RetentionTable | "sealed values" | null,
): string {
  const counts = Object.entries(removed)
    .filter(([, count]) => count > 0)
    .map(([table, count]) => `${count} ${table.replaceAll("_", " ")}`);
  const counted = counts.length === 0 ? "nothing" : counts.join(", ");
  return current === null
    ? `Done. Removed: ${counted}.`
    : `Looking through ${current.replaceAll("_", " ")}. Removed so far: ${counted}.`;
}

/** Describes a run of digests to operators, for the Temporal UI. */
export function describeSweep({ deliveries, recipients, lanes }: Sweep): string {
  const moved =
    deliveries === 0
      ? "Nothing was due"
      : `Moved ${deliveries} ${deliveries === 1 ? "delivery" : "deliveries"} for ${recipients} ${recipients === 1 ? "recipient" : "recipients"}`;
  return lanes.length === 0 ? `${moved}.` : `${moved}; woke ${lanes.join(", ")}.`;
}
