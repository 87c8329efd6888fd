import { ApplicationFailure, TemporalFailure } from "@temporalio/common";
import { CompleteAsyncError } from "@temporalio/activity";
import { describeError } from "../config/describe-error.ts";

/** The failure of an invalid input: a retry cannot help, and the run fails, so that an operator sees it. */
export function invalidInput(message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, "InvalidInput");
}

/**
 * Removes what a history must not contain from the error of an activity. It keeps the kind of the error and where it happened,
 * like the log, since errors of the database may quote rows. Failures of this project and those that Temporal has to distinguish
 * stay as they are.
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
