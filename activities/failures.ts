import { ApplicationFailure, TemporalFailure } from "@temporalio/common";
import { CompleteAsyncError } from "@temporalio/activity";
import { describeError } from "../config/describe-error.ts";

/** The input itself is at fault: trying again cannot help, and the run fails for an operator to see. */
export function invalidInput(message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, "InvalidInput");
}

/**
 * What a history may say of an error that an activity ended with: which and where, as a log would, for errors of the
 * database may quote its rows. Failures of our own and what Temporal needs to tell apart stay as they are.
 */
export function redactFailure(error: unknown): unknown {
  if (
    !(error instanceof Error) ||
    error instanceof TemporalFailure ||
    error instanceof CompleteAsyncError ||
    error.name === "AbortError"
  )
    return error;
  const { code, message, stack } = describeError(error) as Record<string, string | undefined>;
  const failure = ApplicationFailure.retryable(message ?? `code ${code ?? "unknown"}`, error.name);
  failure.stack = `${error.name}: ${failure.message}\n${stack}`;
  return failure;
}
