import type { DeliveryStatus } from "./status.ts";

/** Why a delivery waits, or why it ended as it did. Stands in the ledger: codes are added, never renamed. */
export type Reason =
  /** Waits for the next try after a transient failure. */
  | "retry"
  | "attempts_exhausted"
  | "provider_rejected"
  | "template_error"
  | "invalid_address"
  | "no_address"
  | "recipient_erased"
  /** The address is on the suppression list. */
  | "address_suppressed"
  | "campaign_cancelled"
  /** Cancelled by an operator while it waited. */
  | "delivery_cancelled"
  /** Cancelled while it waited, for its recipient is done with what it is about. */
  | "completed"
  /** Waits for another try that an operator asked for. */
  | "retry_requested"
  /** At-most-once: it was handed over, or may have been, and no answer came. */
  | "outcome_unknown"
  /** Waits until quiet hours, or a span of do-not-disturb, end. */
  | "quiet_hours"
  | "do_not_disturb"
  /** Waits with others for a digest, or for a batch to close. */
  | "digest"
  | "batch"
  /** Waits until a window of the recipient's wish, the organisation's limits or its type's limits has room. */
  | "recipient_limit"
  | "organisation_limit"
  | "type_limit"
  /** Was held back with others, and comes after them. */
  | "smoothed_release"
  /** Waits for the hour at which the recipient mostly looks. */
  | "best_hour"
  /** Every provider is out of service, or has taken what it may take for now. */
  | "provider_unavailable"
  | "provider_rate"
  /** Its template takes so long that its messages are made one after the other, and its turn has not come. */
  | "rendering"
  /** Waits for the next try, for providers refuse whatever is sent: it costs no attempt. */
  | "sender_refused"
  /** The recipient asked to be told again then. */
  | "snoozed"
  /** An operator asked for it at once: it waits for no preference and no limit. */
  | "send_requested"
  /** Something that it waited for is different now. */
  | "decide_again"
  /** Its time to live was over before it could be sent. */
  | "expired"
  /** The recipient does not want messages of the type, of the channel, or of so low a priority. */
  | "type_off"
  | "channel_off"
  | "below_minimum_priority"
  /** The same was told a moment ago. */
  | "duplicate"
  /** A newer message with its collapse key waits in its place, or was handed over. */
  | "superseded";

const open: readonly DeliveryStatus[] = ["pending", "sending"];

/** The statuses that a row with this reason may have. */
export const reasonStatuses: Record<Reason, readonly DeliveryStatus[]> = {
  retry: open,
  attempts_exhausted: ["failed"],
  provider_rejected: ["failed"],
  template_error: ["failed"],
  invalid_address: ["failed"],
  no_address: ["suppressed"],
  recipient_erased: ["suppressed", "cancelled"],
  address_suppressed: ["suppressed"],
  campaign_cancelled: ["cancelled"],
  delivery_cancelled: ["cancelled"],
  completed: ["cancelled"],
  retry_requested: open,
  outcome_unknown: ["unknown"],
  quiet_hours: open,
  do_not_disturb: open,
  digest: open,
  batch: open,
  recipient_limit: open,
  organisation_limit: open,
  type_limit: open,
  smoothed_release: open,
  best_hour: open,
  provider_unavailable: open,
  provider_rate: open,
  rendering: open,
  sender_refused: open,
  snoozed: open,
  send_requested: open,
  decide_again: open,
  expired: ["suppressed"],
  type_off: ["suppressed"],
  channel_off: ["suppressed"],
  below_minimum_priority: ["suppressed"],
  duplicate: ["suppressed"],
  superseded: ["suppressed"],
};

/** What a row waits for because policy said so: it is decided again when that changes. */
export const heldReasons = [
  "quiet_hours",
  "do_not_disturb",
  "digest",
  "batch",
  "recipient_limit",
  "organisation_limit",
  "type_limit",
  "smoothed_release",
  "best_hour",
] as const satisfies readonly Reason[];

/** Of these, those that wait until the recipient's clock shows something. */
export const clockReasons = [
  "quiet_hours",
  "do_not_disturb",
  "digest",
  "best_hour",
] as const satisfies readonly Reason[];

/** Of these, those that wait for a limit to have room. */
export const limitReasons = [
  "recipient_limit",
  "organisation_limit",
  "type_limit",
] as const satisfies readonly Reason[];

export const reasons = Object.keys(reasonStatuses) as [Reason, ...Reason[]];

/** Of these, what its recipient wishes to have later: it is no backlog, however much there is of it. */
export const recipientReasons = [
  "quiet_hours",
  "do_not_disturb",
  "digest",
  "batch",
  "best_hour",
] as const satisfies readonly (typeof heldReasons)[number][];
