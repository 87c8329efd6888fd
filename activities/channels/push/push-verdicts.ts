import { withoutAddresses } from "../../../config/describe-error.ts";
import { type AttemptFailure, responseLimit } from "../../../domain/delivery/attempt.ts";
import { parseRetryAfter } from "../../../domain/delivery/retry-after.ts";
import { cutText } from "../../../domain/text.ts";
import type { Answered, NoAnswer, NotSent, Outcome } from "../../../lib/outbound/outcome.ts";
import type { ProviderSignal } from "../admission.ts";

/**
 * What a hand-over to one device shows.
 * - `accepted`: the push service has the message.
 * - `gone`: the push service does not know the device any more.
 * - `other_key`: the subscription was made with another pair of keys.
 * - `too_large`: the push service takes no message of this size.
 * - `refused`: it never takes this message for this device.
 * - `later`: it certainly has not taken the message, and may take it later.
 * - `rest`: the push service asks to be left alone until `untilMs`.
 * - `silent`: it may have taken the message, and did not answer.
 * - `not_sent`: nothing was written, for a reason that is none of the push service's.
 */
export type PushVerdict = {
  failure: AttemptFailure | null;
  /** Without the endpoint, at most `responseLimit` characters. */
  response: string;
  signal: ProviderSignal;
} & (
  | {
      kind: "accepted" | "gone" | "other_key" | "too_large" | "refused" | "later" | "silent";
    }
  | { kind: "rest"; untilMs: number }
  | { kind: "not_sent"; why: "withheld" | "busy" | "stopped" }
);

/** The headers of an answer that a verdict depends on. */
export const wantedHeaders = ["retry-after"] as const;

/** How Apple, Google and Mozilla say that the subscription belongs to another pair of keys. */
const otherKey =
  /VapidPkHashMismatch|do(?:es)? not correspond to the credentials used to create|public key mismatch/i;

const restCodes: ReadonlySet<number> = new Set([408, 425, 429, 503]);

/** Judges the outcome of a request to a push service (RFC 8030, section 5). `endpoint` is removed from what the service said. */
export function judgePush(outcome: Outcome, endpoint: string, now: Date): PushVerdict {
  switch (outcome.kind) {
    case "answered":
      return judgeAnswer(outcome, endpoint, now);
    case "refused":
      return {
        kind: "refused",
        failure: "address_not_allowed",
        response: outcome.detail,
        signal: "nothing",
      };
    case "not_sent":
      return judgeNotSent(outcome);
    case "no_answer":
      return judgeSilence(outcome);
  }
}

function judgeAnswer(
  { status, headers, text }: Answered,
  endpoint: string,
  now: Date,
): PushVerdict {
  const response = cleanResponse(`${status} ${text ?? ""}`, endpoint);
  if (status < 300) return { kind: "accepted", failure: null, response, signal: "answered" };
  if (status === 404 || status === 410)
    return { kind: "gone", failure: "unknown_address", response, signal: "answered" };
  if (status === 413)
    return { kind: "too_large", failure: "push_4xx", response, signal: "answered" };
  const failure = status < 500 ? "push_4xx" : "push_5xx";
  if (restCodes.has(status)) {
    const until = parseRetryAfter(headers["retry-after"] ?? "", now);
    if (until) return { kind: "rest", failure, response, signal: "rest", untilMs: until.getTime() };
    return { kind: "later", failure, response, signal: "failed" };
  }
  if (status === 401 || status === 403)
    return otherKey.test(text ?? "")
      ? { kind: "other_key", failure: "auth", response, signal: "answered" }
      : { kind: "later", failure: "auth", response, signal: "failed" };
  // A request that the service cannot read, and a redirect, which is not followed, are no fault of the device.
  if (status === 400 || status < 400 || status >= 500)
    return { kind: "later", failure, response, signal: "failed" };
  return { kind: "refused", failure, response, signal: "answered" };
}

function judgeNotSent({ reason, detail }: NotSent): PushVerdict {
  if (reason === "closed" || reason === "aborted" || reason === "busy" || reason === "withheld") {
    const why = reason === "busy" || reason === "withheld" ? reason : "stopped";
    return { kind: "not_sent", why, failure: null, response: detail, signal: "nothing" };
  }
  const failure = reason === "deadline" ? "timeout" : "connection";
  return { kind: "later", failure, response: detail, signal: "failed" };
}

function judgeSilence({ reason, detail }: NoAnswer): PushVerdict {
  if (reason === "aborted")
    return { kind: "silent", failure: "interrupted", response: detail, signal: "nothing" };
  const failure = reason === "deadline" ? "timeout" : "connection";
  return { kind: "silent", failure, response: detail, signal: "failed" };
}

/** The least length of a part of a path by which somebody could send to the device. */
const tokenLength = 8;

/** Removes the endpoint, its parts, other URLs and control characters: a service may answer anything, and the ledger stores text. */
function cleanResponse(response: string, endpoint: string): string {
  let text = response.replaceAll(/[\p{Cc}\p{Surrogate}\s]+/gu, " ").trim();
  const { pathname, search } = new URL(endpoint);
  const parts = `${pathname}${search}`
    .split(/[/?&=]/)
    .filter(({ length }) => length >= tokenLength);
  for (const part of [endpoint, ...parts]) text = text.replaceAll(part, "…");
  return cutText(withoutAddresses(text.replaceAll(/https?:\/\/[^\s"'<>]+/g, "…")), responseLimit);
}

/** The maximum length of a reason that is shown to operators. */
const reasonLimit = 200;

/** Describes a failure in a line for operators. */
export const describePushFailure = ({
  failure,
  response,
}: Pick<PushVerdict, "failure" | "response">): string =>
  cutText(`${failure}: ${response}`, reasonLimit);
