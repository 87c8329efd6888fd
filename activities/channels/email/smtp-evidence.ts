import type { SmtpProvider as ProviderSettings } from "../../../config/smtp.ts";
import { withoutAddresses } from "../../../config/describe-error.ts";
import { responseLimit, type Attempt } from "../../../domain/delivery/attempt.ts";
import { cutText } from "../../../domain/text.ts";
import { withoutCredentials } from "./smtp-connect.ts";
import type { Verdict } from "./smtp-job.ts";

/** Of a reason that is shown to operators. */
const reasonLimit = 200;

/** A verdict as the ledger keeps it. Instants are milliseconds since the epoch. */
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

/** A failure in a line for operators: without credentials or addresses. */
export function describeFailure(
  { failure, response }: Pick<Attempt, "failure" | "response">,
  settings: ProviderSettings,
): string {
  const text = withoutAddresses(cleanResponse(response ?? "", settings));
  return cutText(`${failure}: ${text}`, reasonLimit);
}

/** A server may say anything; the ledger keeps text. */
function cleanResponse(response: string, settings: ProviderSettings): string {
  return withoutCredentials(response, settings).replaceAll(/\p{Cc}+/gu, " ");
}
