import { type Attempt, responseLimit } from "../../domain/delivery/attempt.ts";
import { addressSpellings } from "../../domain/address.ts";
import { addressOf, type Channel } from "../../domain/channel.ts";
import { isRepeatSafe, orderOfStage } from "../../domain/policy/route.ts";
import { type Bounce, isBounce } from "../../ledger/bounces.ts";
import {
  isRepeatable,
  settle,
  type RetryPolicy,
  type Settlement,
} from "../../domain/delivery/settle.ts";
import { beginsWithinMs } from "../../domain/delivery/stops.ts";
import { escapePattern } from "../../domain/text.ts";
import { TemplateError } from "../../domain/templates/template-error.ts";
import type { LedgerClock } from "../../ledger/clock.ts";
import type { LeasedRow, RateGrant, SettledDelivery } from "../../ledger/ledger.ts";
import type { CopyOutcome, CopyOutcomes } from "../../ledger/notification-emails.ts";
import type { SendResult } from "../channels/channel.ts";
import { type Lease, leaseMs } from "./leases.ts";
import type { Item, SendJob } from "./send-job.ts";

/** A message whose rows are claimed. */
export class ClaimedMessage implements Lease {
  readonly job: SendJob;
  /** The queue that the rows belong to. */
  readonly queue: string;
  /** The items of the job that were claimed. */
  readonly items: readonly Item[];
  readonly token: string;
  /** Null if the message does not count towards limits. */
  readonly grant: RateGrant | null;
  deadlineMs: number;
  /** The instant until which the message may begin without another confirmation. Monotonic. */
  mayBeginUntilMs: number;
  hasBegun = false;
  /** The message must not begin: its source was stopped, or has been edited meanwhile. */
  isRevoked = false;
  /** The outcome of the message is known, but the ledger could not take it yet. */
  isUnwritten = false;

  constructor(
    { job, queue }: { job: SendJob; queue: string },
    items: readonly Item[],
    grant: RateGrant | null,
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

/** A claimed message with its outcome. */
export interface EndedMessage {
  claimed: ClaimedMessage;
  settled: SettledDelivery[];
  /** Nothing was sent: the grant is given back. */
  unused: boolean;
}

/**
 * Settles a message. All its rows have one outcome, except those in `faults`, which could not be rendered and have failed by
 * themselves.
 */
export function settleMessage(
  claimed: ClaimedMessage,
  result: SendResult,
  {
    retry,
    clock,
    random,
    isOffered,
  }: {
    retry: RetryPolicy;
    clock: LedgerClock;
    random: () => number;
    /** Whether this worker can send on a channel. */
    isOffered: (channel: Channel) => boolean;
  },
  faults?: ReadonlyMap<string, unknown>,
): EndedMessage {
  const { items } = claimed;
  const { channel, recipient } = items[0]!.delivery;
  const address = addressOf(channel, recipient);
  const attempts = result.kind === "attempted" ? result.attempts.map(withoutAddress(address)) : [];
  const settlement: SettledDelivery["settlement"] =
    result.kind === "unsendable"
      ? { status: "failed", reason: result.reason, detail: result.detail }
      : result.kind === "held"
        ? { status: "pending", reason: result.reason, dueAt: clock.fromLocal(result.until) }
        : settle({
            attempts,
            attemptCount: attempts.length + countedAttemptsOf(items),
            handOvers:
              attempts.length + Math.max(...items.map(({ delivery }) => delivery.attemptCount)),
            unanswered: unansweredOf(items),
            guarantee: guaranteeOf(items),
            policy: retry,
            now: clock.now(),
            random: random(),
            delivered: result.delivered,
          });
  const hasFailed = settlement.status === "failed";
  const bounce = hasFailed ? bounceOf(items[0]!.delivery, attempts.at(-1)) : null;
  const next = items.map((item) => (hasFailed ? findNextChannel(item, isOffered) : undefined));
  const copies = result.kind === "attempted" ? copiesOf(items[0]!, result.copies) : null;
  const settled = items.map(({ delivery: { id, attemptCount } }, index) =>
    faults?.has(id)
      ? {
          id,
          token: claimed.token,
          channel,
          settlement: failedToRender(faults.get(id)),
          attemptCount,
          attempts: [],
        }
      : {
          id,
          token: claimed.token,
          channel,
          settlement: next[index]
            ? ({
                status: "pending",
                reason: "next_channel",
                channel: next[index],
                dueAt: clock.now(),
              } as const)
            : settlement,
          attemptCount: attemptCount + attempts.length,
          attempts,
          ...(bounce !== null && index === 0 && { bounce }),
          ...(copies !== null && index === 0 && { copies }),
        },
  );
  // A message that failed and goes on on another channel needs another grant.
  const unused =
    attempts.every(({ outcome }) => outcome === "transient") ||
    next.every((channel) => channel !== undefined);
  return { claimed, settled, unused };
}

/** The channel on which a delivery goes on after it failed on its own; undefined if its stage has no other channel left. */
function findNextChannel(
  { delivery, stage }: Item,
  isOffered: (channel: Channel) => boolean,
): Channel | undefined {
  if (stage === null) return undefined;
  // Which one can be used is decided when it is due, with the recipient's own order.
  return orderOfStage(stage.stage, []).find(
    (channel) =>
      channel !== delivery.channel &&
      !delivery.failedChannels.includes(channel) &&
      isOffered(channel),
  );
}

/**
 * Removes the recipient's address from an attempt, whose answer may repeat it. The recipient may have been erased while the
 * message was on its way, and nothing written afterwards may bring their data back.
 */
const withoutAddress =
  (address: string | null) =>
  (attempt: Attempt): Attempt => {
    const { response } = attempt;
    if (response === null || address === null) return attempt;
    // Most answers contain no address.
    if (!response.includes("@")) return attempt;
    const spellings = addressSpellings(address).map(escapePattern).join("|");
    return {
      ...attempt,
      response: response.replaceAll(new RegExp(spellings, "giu"), "…"),
    };
  };

/** What became of the copies of a message, which is a single delivery if it has any. */
function copiesOf(
  { source }: Item,
  copies: readonly CopyOutcome[] | undefined,
): CopyOutcomes | null {
  const notificationId = source.extras?.notificationId ?? null;
  if (notificationId === null || copies === undefined || copies.length === 0) return null;
  return { notificationId, copies };
}

function bounceOf(
  { id, channel, recipient }: Item["delivery"],
  attempt: Attempt | undefined,
): Bounce | null {
  const address = addressOf(channel, recipient);
  if (!attempt || !isBounce(attempt.failure) || address === null) return null;
  const { failure, response } = attempt;
  return { id, recipientId: recipient.id, channel, address, failure, response };
}

/** Settles a message that was claimed and never handed over: its rows get back their earlier state. */
export const releaseMessage = (claimed: ClaimedMessage): EndedMessage => ({
  claimed,
  unused: true,
  settled: claimed.items.map(({ delivery: { id, channel, attemptCount, reason, dueAt } }) => ({
    id,
    token: claimed.token,
    channel,
    settlement: { status: "pending", reason, dueAt },
    attemptCount,
    attempts: [],
  })),
});

/** The result of a message that cannot be rendered. It fails for good, since rendering it again would fail too. */
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
  (fault instanceof TemplateError ? fault.message : "the message cannot be rendered").slice(
    0,
    responseLimit,
  );

/** The guarantee of a message: a repeat is allowed only if every item allows it. */
export const guaranteeOf = (items: readonly Item[]) =>
  items.every(
    ({ delivery, source }) =>
      source.guarantee === "at_least_once" || isRepeatSafe(delivery.channel),
  )
    ? "at_least_once"
    : "at_most_once";

/** The largest number of attempts of an item that count towards the limit. */
export const countedAttemptsOf = (items: readonly Item[]): number =>
  Math.max(...items.map(({ delivery }) => delivery.attemptCount - delivery.forgivenCount));

/** The largest number of hand-overs of an item that were not answered. */
const unansweredOf = (items: readonly Item[]): number =>
  Math.max(...items.map(({ delivery }) => delivery.unansweredCount));

/** True if the message may be handed over once more if this hand-over is not answered. */
export const isRepeatableOnce = (items: readonly Item[]): boolean =>
  isRepeatable(guaranteeOf(items), unansweredOf(items));

/** An attempt whose outcome is unknown, as evidence in addition to later attempts. `now` is by this worker's clock. */
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
