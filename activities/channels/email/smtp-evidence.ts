import type { SmtpProvider as ProviderSettings } from "../../../config/environment.ts";
import { withoutAddresses } from "../../../config/describe-error.ts";
import { responseLimit, type Attempt } from "../../../domain/delivery/attempt.ts";
import { isProviderFault } from "../../../domain/delivery/provider-fault.ts";
import { smtpRetryAfterMs } from "../../../domain/delivery/retry-after.ts";
import type { ProviderSignal } from "../admission.ts";
import { withoutCredentials } from "./smtp-connect.ts";
import type { Verdict } from "./smtp-job.ts";

/** Of a reason that is shown to operators. */
const reasonLimit = 200;

/** A verdict as the ledger keeps it. Instants are milliseconds since the epoch. */
export function recordAttempt(
  { outcome, failure, response }: Verdict,
  settings: ProviderSettings,
  span: { startedAt: number; finishedAt: number },
): Attempt {
  return {
    provider: settings.name,
    outcome,
    failure,
    response: response && cleanResponse(response, settings).slice(0, responseLimit),
    startedAt: new Date(span.startedAt),
    finishedAt: new Date(span.finishedAt),
  };
}

/** A failure in a line for operators: without credentials or addresses. */
export function describeFailure(
  { failure, response }: Pick<Attempt, "failure" | "response">,
  settings: ProviderSettings,
): string {
  const text = withoutAddresses(cleanResponse(response ?? "", settings));
  return `${failure}: ${text}`.slice(0, reasonLimit);
}

/** A server may say anything; the ledger keeps text. */
function cleanResponse(response: string, settings: ProviderSettings): string {
  return withoutCredentials(response, settings).replaceAll(/\p{Cc}+/gu, " ");
}

/**
 * A provider that asks to be left alone has not failed: its gate is shut instead. A mail that it cannot take at all was not handed
 * to it.
 */
export function judgeStanding({ failure, response, unsupported }: Verdict): ProviderSignal {
  if (unsupported) return "neither";
  if (!isProviderFault(failure, response)) return "answered";
  return failure === "smtp_4xx" && smtpRetryAfterMs(response ?? "") !== null ? "neither" : "failed";
}
