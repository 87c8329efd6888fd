/** Why an attempt did not end in `sent`. Stands in the ledger: codes are added, never renamed. */
export const attemptFailures = [
  "smtp_4xx",
  /** Refused for good, for what the message is. */
  "smtp_5xx",
  /** Refused for good: nobody has the address. */
  "unknown_address",
  /** The mailbox has no room, for now or for good. */
  "mailbox_full",
  /** Refused for good, for whom it goes to, in another way. */
  "recipient_refused",
  /** Refused with a code for good, for who sends it or whatever is sent: neither the message nor its recipient is at fault. */
  "sender_refused",
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
  /** For how long the answer asks to leave this message alone. Not kept in the ledger. */
  retryAfterMs?: number | null;
  /** The provider refuses whatever it is handed at the moment: this is no attempt of the message's. Not kept in the ledger. */
  forgiven?: boolean;
}

export const responseLimit = 500;
