/** Why an attempt did not end in `sent`. Stands in the ledger: codes are added, never renamed. */
export const attemptFailures = [
  "smtp_4xx",
  "smtp_5xx",
  "connection",
  "timeout",
  "auth",
  /** The worker died, or was cut off, while the message was being handed over. */
  "interrupted",
] as const;
export type AttemptFailure = (typeof attemptFailures)[number];

/** One hand-over of a delivery to a provider, and its outcome. */
export interface Attempt {
  /** Null where the worker died before it could say. */
  provider: string | null;
  /**
   * `unknown`: the whole message was handed over, and no answer came. A repeat may be a duplicate.
   * `transient`: the provider surely did not take it, and may take it later.
   */
  outcome: "sent" | "transient" | "permanent" | "unknown";
  failure: AttemptFailure | null;
  /** The provider's answer or the error, without credentials, at most `responseLimit` characters. */
  response: string | null;
  startedAt: Date;
  finishedAt: Date;
}

export const responseLimit = 500;
