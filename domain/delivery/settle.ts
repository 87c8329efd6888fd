import type { Attempt } from "./attempt.ts";
import type { Reason } from "./reasons.ts";

/** Whether a message whose outcome nobody knows may be handed over again. */
export type Guarantee = "at_least_once" | "at_most_once";

/** How often, and how far apart, a delivery is tried again. */
export interface RetryPolicy {
  baseMs: number;
  capMs: number;
  /** Hand-overs in all, whichever provider took part. */
  attempts: number;
}

/** What the ledger says of a delivery after an attempt. */
export type Settlement =
  | { status: "sent"; reason: null }
  | { status: "failed" | "unknown" | "suppressed"; reason: Reason; detail?: string }
  | {
      status: "pending";
      reason: "retry" | "provider_unavailable" | "provider_rate" | "rendering" | "sender_refused";
      dueAt: Date;
    };

/**
 * The wait before try `attempt + 1`: exponential with a cap, half of it jitter, so that what failed together does not
 * come back together ("equal jitter", https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
 * @param random in [0, 1)
 * @returns milliseconds, within [half, whole] of `min(cap, base × 2^(attempt - 1))`
 */
export function retryDelayMs(policy: RetryPolicy, attempt: number, random: number): number {
  const whole = Math.min(policy.capMs, policy.baseMs * 2 ** Math.min(attempt - 1, 40));
  return Math.round(whole / 2 + (whole / 2) * random);
}

/** Hand-overs without an answer, after which there is no other. */
const unansweredLimit = 2;

/** How many times as long as after a refusal is waited after a hand-over without an answer. */
const unansweredPatience = 40;

/** May a message be handed over again if the next hand-over has no answer, as so many before it? */
export function isRepeatable(guarantee: Guarantee, unanswered: number): boolean {
  return guarantee === "at_least_once" && unanswered + 1 < unansweredLimit;
}

/**
 * What follows from the last attempts of a delivery. Who was refused as everybody is at the moment is tried again for as long as it
 * takes. A delay that the answer named is kept (RFC 5321, 4.5.4.1; RFC 6647).
 *
 * What had no answer may have arrived, and whoever gets it again gets it twice. So it is repeated once, where a repeat is allowed at
 * all: a message that a server neither takes nor refuses, twice and minutes apart, will not do better the third time, while each try
 * may be another copy. The repeat comes 5 to 10 minutes later by default, and later still after other attempts: a server that
 * restarts or is overloaded has mended by then. It is as long as Postfix leaves a deferred message alone at least (300 s), and
 * shorter than Exim does (15 minutes). Then, and after the last attempt, the row ends as `unknown`.
 * @param attempts hand-overs that were made together, over one provider after the other; the last decides
 * @param attemptCount hand-overs so far that count, these included
 * @param handOvers hand-overs so far, these included
 * @param unanswered hand-overs before these without an answer
 */
export function settle(input: {
  attempts: readonly Pick<Attempt, "outcome" | "forgiven" | "retryAfterMs">[];
  attemptCount: number;
  handOvers: number;
  unanswered: number;
  guarantee: Guarantee;
  policy: RetryPolicy;
  now: Date;
  random: number;
}): Settlement {
  const { attempts, attemptCount, handOvers, guarantee, policy, now, random } = input;
  const { outcome, forgiven, retryAfterMs } = attempts.at(-1)!;
  if (outcome === "sent") return { status: "sent", reason: null };
  const withoutAnswer = attempts.filter((attempt) => attempt.outcome === "unknown").length;
  const mayHaveArrived = withoutAnswer > 0;
  const isRepeatedEnough =
    guarantee === "at_most_once" || input.unanswered + withoutAnswer >= unansweredLimit;
  const isOver = outcome === "permanent" || (attemptCount >= policy.attempts && !forgiven);
  if (mayHaveArrived && (isOver || isRepeatedEnough))
    return { status: "unknown", reason: "outcome_unknown" };
  if (isOver)
    return {
      status: "failed",
      reason: outcome === "permanent" ? "provider_rejected" : "attempts_exhausted",
    };
  const patience = mayHaveArrived ? unansweredPatience : 1;
  const delayMs = retryDelayMs(
    { ...policy, baseMs: policy.baseMs * patience },
    forgiven ? handOvers : attemptCount,
    random,
  );
  return {
    status: "pending",
    reason: forgiven ? "sender_refused" : "retry",
    dueAt: new Date(now.getTime() + Math.max(delayMs, retryAfterMs ?? 0)),
  };
}

/**
 * What follows from a hand-over that was cut off, before anything else is decided; null if the delivery may be tried again.
 * @param attemptCount hand-overs so far, the one that was cut off included
 */
export function settleInterrupted(
  attemptCount: number,
  guarantee: Guarantee,
  attemptLimit: number,
): Settlement | null {
  // Whatever it is that ends its workers: not for ever.
  return guarantee === "at_most_once" || attemptCount >= attemptLimit
    ? { status: "unknown", reason: "outcome_unknown" }
    : null;
}
