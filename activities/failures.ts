import { ApplicationFailure } from "@temporalio/common";

/** The input itself is at fault: trying again cannot help, and the run fails for an operator to see. */
export function invalidInput(message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, "InvalidInput");
}
