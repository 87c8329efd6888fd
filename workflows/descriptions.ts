import type { DispatchResult } from "../activities/dispatch/loop.ts";
import type { CampaignStep } from "../activities/advance-campaign.ts";
import type { Sweep } from "../activities/sweep-digests.ts";
import type { RetentionTable } from "../domain/retention.ts";

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
  return `${last} ${open} open, the next at ${nextDueAt}${waitsFor === null ? "" : `: ${waitsFor}`}.`;
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
