import { responseLimit } from "../../../domain/delivery/attempt.ts";
import type { PushProvider } from "../../../domain/push-providers.ts";
import { cutText } from "../../../domain/text.ts";
import type { SendResult } from "../channel.ts";
import { unrenderable } from "../rendering.ts";
import { attemptOf, type DeviceAttempt } from "./push-service.ts";

/** What became of a message at one device. */
export type DeviceOutcome =
  | ({ kind: "attempted"; provider: PushProvider } & DeviceAttempt)
  /** Nothing was written: the gate or the breaker of the provider takes nothing before `until`. */
  | { kind: "held"; result: Extract<SendResult, { kind: "held" }> }
  /** Nothing was written: the message was stopped, or this process is. */
  | { kind: "stopped" };

type Attempted = Extract<DeviceOutcome, { kind: "attempted" }>;

/** What a message as a whole came to. */
export interface Combined {
  result: SendResult;
  /** True if the message is owed to devices that have to be asked again, while others have taken it. */
  isOwedToOthers: boolean;
}

/**
 * Combines the outcomes of a message's devices. The message is sent once no device is left that may still take it and one has taken it. If none
 * has, it counts as the outcome that leaves most open: later, unanswered, refused.
 * @param wasAccepted whether a device had taken the message in an earlier hand-over
 * @param mayRetry whether the message may be handed over again at this instant
 * @param stopped the result if nothing was handed over because the message was stopped
 */
export function combineOutcomes(
  outcomes: readonly DeviceOutcome[],
  {
    wasAccepted,
    mayRetryAt,
    stopped,
  }: {
    wasAccepted: boolean;
    /** Whether devices may be asked again: at an instant, or after an attempt that failed (null). */
    mayRetryAt: (until: Date | null) => boolean;
    stopped: () => SendResult;
  },
): Combined {
  const attempted = outcomes.filter((one): one is Attempted => one.kind === "attempted");
  const of = (...kinds: readonly Attempted["verdict"]["kind"][]) =>
    attempted.filter(({ verdict }) => kinds.includes(verdict.kind));
  const accepted = of("accepted");
  const later = of("later");
  const silent = of("silent");
  const refused = of("refused", "other_key", "gone", "too_large");
  const held = earliest(outcomes);
  const count = outcomes.length;
  const describe = ({ verdict }: Attempted) =>
    cutText(
      count === 1 && !wasAccepted
        ? verdict.response
        : `${accepted.length} of ${count} devices: ${verdict.response}`,
      responseLimit,
    );
  const toAttempt = (outcome: Parameters<typeof attemptOf>[0], one: Attempted) =>
    attemptOf(outcome, one.provider, one, describe(one));

  const isAccepted = accepted.length > 0 || wasAccepted;
  if (isAccepted) {
    if (later.length > 0 && mayRetryAt(null))
      return {
        result: { kind: "attempted", attempts: [toAttempt("transient", later[0]!)] },
        isOwedToOthers: true,
      };
    if (later.length === 0 && held && mayRetryAt(held.until))
      return { result: held, isOwedToOthers: true };
    const [first = silent[0] ?? later[0] ?? refused[0]] = accepted;
    if (first)
      return {
        result: { kind: "attempted", attempts: [toAttempt("sent", first)] },
        isOwedToOthers: false,
      };
    return { result: sentBefore(), isOwedToOthers: false };
  }
  const attempts = [
    ...silent.slice(0, 1).map((one) => toAttempt("unknown", one)),
    ...later.slice(0, 1).map((one) => toAttempt("transient", one)),
  ];
  const result = (): SendResult => {
    if (attempts.length > 0) return { kind: "attempted", attempts };
    if (held) return held;
    if (refused.length < outcomes.length) return stopped();
    if (refused.every(({ verdict }) => verdict.kind === "too_large"))
      return unrenderable(
        `the push services take no message of this size: ${describe(refused[0]!)}`,
      );
    const decisive = refused.find(({ verdict }) => verdict.kind !== "gone") ?? refused[0]!;
    return { kind: "attempted", attempts: [toAttempt("permanent", decisive)] };
  };
  return { result: result(), isOwedToOthers: false };
}

/** The hold that ends first; undefined if no device is held. */
function earliest(outcomes: readonly DeviceOutcome[]) {
  return outcomes
    .flatMap((one) => (one.kind === "held" ? [one.result] : []))
    .toSorted((one, other) => one.until.getTime() - other.until.getTime())[0];
}

/** The result of a message that a device took earlier, and whose other devices have gone since. */
export function sentBefore(now = new Date()): SendResult {
  const response = "taken by a device in an earlier hand-over";
  const span = { startedAt: now, finishedAt: now };
  return {
    kind: "attempted",
    attempts: [{ provider: null, outcome: "sent", failure: null, response, ...span }],
  };
}
