import type { Channel } from "../channel.ts";
import type { Attempt } from "./attempt.ts";
import type { Reason } from "./reasons.ts";

/** Whether a message whose outcome is unknown may be handed over again. */
export type Guarantee = "at_least_once" | "at_most_once";

/** How many times, and at which intervals, a delivery is attempted. */
export interface RetryPolicy {
  baseMs: number;
  capMs: number;
  /** The maximum of hand-overs over all providers. */
  attempts: number;
}

/** The state of a delivery after an attempt. */
export type Settlement =
  | { status: "sent" | "delivered"; reason: null }
  | { status: "failed" | "unknown" | "suppressed"; reason: Reason; detail?: string }
  | {
      status: "pending";
      reason: "retry" | "provider_unavailable" | "provider_rate" | "rendering" | "sender_refused";
      dueAt: Date;
    }
  /** The delivery is to be sent on another channel of its route. */
  | { status: "pending"; reason: "next_channel"; channel: Channel; dueAt: Date };

/**
 * The delay before attempt `attempt + 1`: exponential with a cap, and half of it jitter, so that deliveries that failed together are not
 * retried together ("equal jitter", https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
 * @param random in [0, 1)
 * @returns milliseconds, within [half, whole] of `min(cap, base × 2^(attempt - 1))`
 */
export function retryDelayMs(policy: RetryPolicy, attempt: number, random: number): number {
  const whole = longestDelayMs(policy, attempt);
  return Math.round(whole / 2 + (whole / 2) * random);
}

const longestDelayMs = ({ baseMs, capMs }: RetryPolicy, attempt: number): number =>
  Math.min(capMs, baseMs * 2 ** Math.min(attempt - 1, 40));

/**
 * The longest delay in milliseconds until a message is handed over again, if the next hand-over is one attempt and fails for now; null if it
 * is then over.
 * @param attemptCount hand-overs so far that count
 */
export const retriesWithinMs = (policy: RetryPolicy, attemptCount: number): number | null =>
  attemptCount + 1 >= policy.attempts ? null : longestDelayMs(policy, attemptCount + 1);

/** The number of hand-overs without an answer after which a message is not repeated. */
const unansweredLimit = 2;

/** The delay after a hand-over without an answer is this many times the delay after a refusal. */
const unansweredPatience = 40;

/**
 * Whether a message may be repeated if the next hand-over has no answer.
 * @param unanswered hand-overs without an answer so far
 */
export function isRepeatable(guarantee: Guarantee, unanswered: number): boolean {
  return guarantee === "at_least_once" && unanswered + 1 < unansweredLimit;
}

/**
 * Decides the state of a delivery after its last attempts. Forgiven attempts do not count towards the limit. A delay that the provider asked
 * for is respected (RFC 5321, 4.5.4.1; RFC 6647).
 *
 * A message without an answer may have arrived, and a repeat may reach the recipient twice. So it is repeated only once, and only where the
 * guarantee allows it: if a server neither accepts nor refuses a message twice, minutes apart, a third hand-over is unlikely to help, but may
 * be another copy. The repeat follows after 5 to 10 minutes by default, and later after other attempts: a server that restarts or is
 * overloaded has recovered by then. Postfix waits at least as long before it retries a deferred message (300 s), and Exim longer
 * (15 minutes). After that, and after the last attempt, the row ends as `unknown`.
 * @param attempts hand-overs that were made together, to one provider after the other; the last one decides
 * @param attemptCount hand-overs so far that count, including these
 * @param handOvers hand-overs so far, including these
 * @param unanswered hand-overs without an answer before these
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
  /** The message certainly has arrived. */
  delivered?: boolean | undefined;
}): Settlement {
  const { attempts, attemptCount, handOvers, guarantee, policy, now, random } = input;
  const { outcome, forgiven, retryAfterMs } = attempts.at(-1)!;
  if (outcome === "sent") return { status: input.delivered ? "delivered" : "sent", reason: null };
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
 * Decides the state of a delivery after an interrupted hand-over; null if the delivery may be attempted again.
 * @param attemptCount hand-overs so far, including the interrupted one
 */
export function settleInterrupted(
  attemptCount: number,
  guarantee: Guarantee,
  attemptLimit: number,
): Settlement | null {
  // The limit also bounds a message that makes its workers crash.
  return guarantee === "at_most_once" || attemptCount >= attemptLimit
    ? { status: "unknown", reason: "outcome_unknown" }
    : null;
}
