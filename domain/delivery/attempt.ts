/** Why an attempt did not end in `sent`. The ledger stores these codes: they are added, never renamed. */
export const attemptFailures = [
  "smtp_4xx",
  /** A permanent refusal because of the message. */
  "smtp_5xx",
  /** A permanent refusal because the address does not exist, or a push service does not know the device any more. */
  "unknown_address",
  /** The mailbox is full, temporarily or permanently. */
  "mailbox_full",
  /** A permanent refusal because of the recipient, for another reason. */
  "recipient_refused",
  /** A permanent refusal because of the sender or the server: neither the message nor its recipient is at fault. */
  "sender_refused",
  /** A push service refused the request: for good because of the device, or for now because of how it was made. */
  "push_4xx",
  /** A push service failed. */
  "push_5xx",
  /** The rules for outgoing requests do not allow the address. */
  "address_not_allowed",
  /** The stored address cannot be read: its key is missing, or it is damaged. */
  "address_unreadable",
  "connection",
  "timeout",
  "auth",
  /** The worker died or was stopped during the hand-over. */
  "interrupted",
] as const;
export type AttemptFailure = (typeof attemptFailures)[number];

/** One hand-over of a delivery to a provider, and its outcome. */
export interface Attempt {
  /** Null where the worker died before it recorded the provider. */
  provider: string | null;
  /**
   * `unknown`: the whole message was handed over, and the provider did not answer. A repeat may be a duplicate.
   * `transient`: the provider certainly did not accept the message, and may accept it later.
   */
  outcome: "sent" | "transient" | "permanent" | "unknown";
  failure: AttemptFailure | null;
  /** The provider's answer or the error, without credentials, at most `responseLimit` characters. */
  response: string | null;
  startedAt: Date;
  finishedAt: Date;
  /** The delay before the next attempt that the provider asked for. Not stored in the ledger. */
  retryAfterMs?: number | null;
  /** Whether the provider refuses all messages at the moment: the attempt then does not count. Not stored in the ledger. */
  forgiven?: boolean;
}

export const responseLimit = 500;
