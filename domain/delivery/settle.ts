import type { Attempt } from "./attempt.ts";
import type { Reason } from "./reasons.ts";

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
      reason: "retry" | "provider_unavailable" | "provider_rate" | "sender_refused";
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

/**
 * What follows from the last attempt of a delivery. An unknown outcome is tried again only where a repeat is allowed:
 * under at-most-once, and after the last attempt, the row ends as `unknown`. Who was refused as everybody is at the moment is tried again for as long as it takes.
 * A delay that the answer named is kept (RFC 5321, 4.5.4.1; RFC 6647).
 * @param attemptCount hand-overs so far that count, this one included
 * @param handOvers hand-overs so far, this one included
 */
export function settle(input: {
  attempt: Pick<Attempt, "outcome" | "forgiven" | "retryAfterMs">;
  attemptCount: number;
  handOvers: number;
  guarantee: "at_least_once" | "at_most_once";
  policy: RetryPolicy;
  now: Date;
  random: number;
}): Settlement {
  const { attempt, attemptCount, handOvers, guarantee, policy, now, random } = input;
  if (attempt.outcome === "sent") return { status: "sent", reason: null };
  if (attempt.outcome === "permanent") return { status: "failed", reason: "provider_rejected" };
  if (attempt.outcome === "unknown" && guarantee === "at_most_once")
    return { status: "unknown", reason: "outcome_unknown" };
  const { forgiven, retryAfterMs } = attempt;
  if (attemptCount >= policy.attempts && !forgiven)
    return attempt.outcome === "unknown"
      ? { status: "unknown", reason: "outcome_unknown" }
      : { status: "failed", reason: "attempts_exhausted" };
  const delayMs = retryDelayMs(policy, forgiven ? handOvers : attemptCount, random);
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
  guarantee: "at_least_once" | "at_most_once",
  attemptLimit: number,
): Settlement | null {
  // Whatever it is that ends its workers: not for ever.
  return guarantee === "at_most_once" || attemptCount >= attemptLimit
    ? { status: "unknown", reason: "outcome_unknown" }
    : null;
}
