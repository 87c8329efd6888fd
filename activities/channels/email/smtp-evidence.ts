import type { SmtpProvider as ProviderSettings } from "../../../config/smtp.ts";
import { withoutAddresses } from "../../../config/describe-error.ts";
import { responseLimit, type Attempt } from "../../../domain/delivery/attempt.ts";
import { cutText } from "../../../domain/text.ts";
import { withoutCredentials } from "./smtp-connect.ts";
import type { Verdict } from "./smtp-job.ts";

/** The maximum length of a reason that is shown to operators. */
const reasonLimit = 200;

/** Converts a verdict to an attempt for the ledger. Instants are milliseconds since the epoch. */
export function recordAttempt(
  { outcome, failure, response, retryAfterMs, forgiven }: Verdict,
  settings: ProviderSettings,
  span: { startedAt: number; finishedAt: number },
): Attempt {
  return {
    provider: settings.name,
    outcome,
    failure,
    response: response && cutText(cleanResponse(response, settings), responseLimit),
    startedAt: new Date(span.startedAt),
    finishedAt: new Date(span.finishedAt),
    ...(retryAfterMs != null && { retryAfterMs }),
    ...(forgiven && { forgiven }),
  };
}

/** Describes a failure in a line for operators, without credentials or addresses. */
export function describeFailure(
  { failure, response }: Pick<Attempt, "failure" | "response">,
  settings: ProviderSettings,
): string {
  const text = withoutAddresses(cleanResponse(response ?? "", settings));
  return cutText(`${failure}: ${text}`, reasonLimit);
}

/** Removes credentials and control characters: a server may send anything, and the ledger stores text. */
function cleanResponse(response: string, settings: ProviderSettings): string {
  return withoutCredentials(response, settings).replaceAll(/\p{Cc}+/gu, " ");
}
