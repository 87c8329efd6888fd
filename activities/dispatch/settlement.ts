import { type Attempt, responseLimit } from "../../domain/delivery/attempt.ts";
import { addressSpellings } from "../../domain/address.ts";
import { addressOf } from "../../domain/channel.ts";
import { type Bounce, isBounce } from "../../ledger/bounces.ts";
import {
  isRepeatable,
  settle,
  type RetryPolicy,
  type Settlement,
} from "../../domain/delivery/settle.ts";
import { beginsWithinMs } from "../../domain/delivery/stops.ts";
import { escapePattern } from "../../domain/text.ts";
import { TemplateError } from "../../domain/templates/template.ts";
import type { LedgerClock } from "../../ledger/clock.ts";
import type { LeasedRow, RateGrant, SettledDelivery } from "../../ledger/ledger.ts";
import type { SendResult } from "../channels/channel.ts";
import { type Lease, leaseMs } from "./leases.ts";
import type { Item, SendJob } from "./send-job.ts";

/** A message whose rows are claimed. */
export class ClaimedMessage implements Lease {
  readonly job: SendJob;
  /** The queue that its rows are of. */
  readonly queue: string;
  /** Of its items, those that were claimed. */
  readonly items: readonly Item[];
  readonly token: string;
  readonly grant: RateGrant;
  deadlineMs: number;
  /** Until when it may begin without being asked about again. Monotonic. */
  mayBeginUntilMs: number;
  hasBegun = false;
  /** What it is owed to has been stopped, or says something else by now: it does not begin. */
  isRevoked = false;
  /** What became of it is known, and the ledger could not take it yet. */
  isUnwritten = false;

  constructor(
    { job, queue }: { job: SendJob; queue: string },
    items: readonly Item[],
    grant: RateGrant,
    { token, askedAtMs }: { token: string; askedAtMs: number },
  ) {
    this.job = job;
    this.queue = queue;
    this.items = items;
    this.token = token;
    this.grant = grant;
    this.deadlineMs = askedAtMs + leaseMs;
    this.mayBeginUntilMs = askedAtMs + beginsWithinMs;
  }

  get rows(): LeasedRow[] {
    return this.items.map(({ delivery: { id } }) => ({ id, token: this.token }));
  }
}

/** A claimed message of which is known what became. */
export interface EndedMessage {
  claimed: ClaimedMessage;
  settled: SettledDelivery[];
  /** Nothing came of it: its grant is given back. */
  unused: boolean;
}

/** All that went out as one message have one outcome; those of which nothing could be said, for `faults`, have failed by themselves. */
export function settleMessage(
  claimed: ClaimedMessage,
  result: SendResult,
  { retry, clock, random }: { retry: RetryPolicy; clock: LedgerClock; random: () => number },
  faults?: ReadonlyMap<string, unknown>,
): EndedMessage {
  const { items } = claimed;
  const { channel, recipient } = items[0]!.delivery;
  const address = addressOf(channel, recipient);
  const made = result.kind === "attempted" ? result.attempts.map(withoutAddress(address)) : [];
  const most = (count: (delivery: Item["delivery"]) => number) =>
    Math.max(...items.map(({ delivery }) => count(delivery)));
  const settlement: SettledDelivery["settlement"] =
    result.kind === "unsendable"
      ? { status: "failed", reason: result.reason, detail: result.detail }
      : result.kind === "held"
        ? { status: "pending", reason: result.reason, dueAt: clock.fromLocal(result.until) }
        : settle({
            attempts: made,
            attemptCount:
              made.length + most(({ attemptCount, forgivenCount }) => attemptCount - forgivenCount),
            handOvers: made.length + most(({ attemptCount }) => attemptCount),
            unanswered: unansweredOf(items),
            guarantee: guaranteeOf(items),
            policy: retry,
            now: clock.now(),
            random: random(),
          });
  const bounce = settlement.status === "failed" ? bounceOf(items[0]!.delivery, made.at(-1)) : null;
  const settled = items.map(({ delivery: { id, attemptCount } }, index) =>
    faults?.has(id)
      ? {
          id,
          token: claimed.token,
          settlement: failedToRender(faults.get(id)),
          attemptCount,
          attempts: [],
        }
      : {
          id,
          token: claimed.token,
          settlement,
          attemptCount: attemptCount + made.length,
          attempts: made,
          ...(bounce !== null && index === 0 && { bounce }),
        },
  );
  return { claimed, settled, unused: made.every(({ outcome }) => outcome === "transient") };
}

/**
 * An attempt without the address that it went to, which the answer may repeat: the recipient may have been erased while it was on its way,
 * and what is written afterwards must not bring anything of them back.
 */
const withoutAddress =
  (address: string | null) =>
  (attempt: Attempt): Attempt => {
    const { response } = attempt;
    if (response === null || address === null) return attempt;
    // Most answers name none.
    if (!response.includes("@")) return attempt;
    const spellings = addressSpellings(address).map(escapePattern).join("|");
    return {
      ...attempt,
      response: response.replaceAll(new RegExp(spellings, "giu"), "…"),
    };
  };

function bounceOf(
  { id, channel, recipient }: Item["delivery"],
  attempt: Attempt | undefined,
): Bounce | null {
  const address = addressOf(channel, recipient);
  if (!attempt || !isBounce(attempt.failure) || address === null) return null;
  const { failure, response } = attempt;
  return { id, recipientId: recipient.id, channel, address, failure, response };
}

/** A message that was claimed and never handed over becomes again what it was. */
export const releaseMessage = (claimed: ClaimedMessage): EndedMessage => ({
  claimed,
  unused: true,
  settled: claimed.items.map(({ delivery: { id, attemptCount, reason, dueAt } }) => ({
    id,
    token: claimed.token,
    settlement: { status: "pending", reason, dueAt },
    attemptCount,
    attempts: [],
  })),
});

/** What cannot be said now never can be. */
export const unrenderable = (fault: unknown): SendResult => ({
  kind: "unsendable",
  reason: "template_error",
  detail: describeFault(fault),
});

const failedToRender = (fault: unknown): Settlement => ({
  status: "failed",
  reason: "template_error",
  detail: describeFault(fault),
});

const describeFault = (fault: unknown): string =>
  (fault instanceof TemplateError ? fault.message : "the message cannot be made").slice(
    0,
    responseLimit,
  );

/** A repeat is allowed where each of them allows it. */
export const guaranteeOf = (items: readonly Item[]) =>
  items.every(({ source }) => source.guarantee === "at_least_once")
    ? "at_least_once"
    : "at_most_once";

/** How often one of them was handed over before without an answer. */
const unansweredOf = (items: readonly Item[]): number =>
  Math.max(...items.map(({ delivery }) => delivery.unansweredCount));

/** May a message be handed over once more if nobody answers this time? */
export const isRepeatableOnce = (items: readonly Item[]): boolean =>
  isRepeatable(guaranteeOf(items), unansweredOf(items));

/** A hand-over of which nobody knows how it ended, as evidence beside what follows it. `now` is this worker's own. */
export function interruptedAttempt(now = new Date()): Attempt {
  return {
    provider: null,
    outcome: "unknown",
    failure: "interrupted",
    response: null,
    startedAt: now,
    finishedAt: now,
  };
}
