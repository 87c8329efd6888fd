import type { DeliveryStatus } from "./status.ts";

/** Why a delivery waits, or why it ended with its status. The ledger stores these codes: they are added, never renamed. */
export type Reason =
  /** Waits for the next attempt after a transient failure. */
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
  /** Cancelled while it waited, because its recipient has completed its subject. */
  | "completed"
  /** Waits for another attempt that an operator asked for. */
  | "retry_requested"
  /** The message was or may have been handed over, no answer came, and it is not repeated. */
  | "outcome_unknown"
  /** Waits until quiet hours, or a period of do-not-disturb, end. */
  | "quiet_hours"
  | "do_not_disturb"
  /** Waits with others for a digest, or for a batch to close. */
  | "digest"
  | "batch"
  /** Waits until a limit of the recipient, of the organisation or of the notification type has room. */
  | "recipient_limit"
  | "organisation_limit"
  | "type_limit"
  /** Was held together with others, which are released one after the other. */
  | "smoothed_release"
  /** Waits for the hour at which the recipient mostly reads messages. */
  | "best_hour"
  /** Every provider is out of service, or has reached its rate limit. */
  | "provider_unavailable"
  | "provider_rate"
  /** Its template is slow, so that its messages are rendered one after the other. */
  | "rendering"
  /** Waits for the next attempt because providers refuse all messages: it costs no attempt. */
  | "sender_refused"
  /** The recipient asked to receive the message again at a later time. */
  | "snoozed"
  /** An operator asked to send the message at once: no preference and no limit holds it. */
  | "send_requested"
  /** A rule that held the delivery has changed. */
  | "decide_again"
  /** Waits for the time of its stage, or for an earlier stage of its route to end. */
  | "earlier_stage"
  /** An earlier stage has reached the recipient as far as this stage would have to. */
  | "already_reached"
  /** Waits to be sent on the next channel of its route, because the one before failed or was out of service. */
  | "next_channel"
  /** Every channel of its stage has failed or cannot be used. */
  | "channels_exhausted"
  /** A server had accepted the message, and it was returned as undeliverable later. */
  | "bounced"
  /** It expired before it could be sent. */
  | "expired"
  /** The recipient does not want messages of the type, of the channel, or of so low a priority. */
  | "type_off"
  | "channel_off"
  | "below_minimum_priority"
  /** The recipient is not subscribed to the topic of the campaign, or no longer. */
  | "not_subscribed"
  /** The recipient received a message with the same deduplication key within the policy's window. */
  | "duplicate"
  /** A newer message with the same collapse key waits or was handed over. */
  | "superseded";

const open: readonly DeliveryStatus[] = ["pending", "sending"];

/** The statuses that a row with this reason may have. */
export const reasonStatuses: Record<Reason, readonly DeliveryStatus[]> = {
  retry: open,
  attempts_exhausted: ["failed"],
  provider_rejected: ["failed"],
  template_error: ["failed"],
  invalid_address: ["failed"],
  no_address: ["suppressed", "failed"],
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
  earlier_stage: open,
  already_reached: ["suppressed"],
  next_channel: open,
  channels_exhausted: ["failed"],
  bounced: ["failed"],
  expired: ["suppressed"],
  type_off: ["suppressed"],
  channel_off: ["suppressed"],
  not_subscribed: ["suppressed"],
  below_minimum_priority: ["suppressed"],
  duplicate: ["suppressed"],
  superseded: ["suppressed"],
};

/** The reasons for which the policy holds a delivery. It is decided again when the policy or a preference changes. */
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

/** The held reasons that depend on the recipient's local time. */
export const clockReasons = [
  "quiet_hours",
  "do_not_disturb",
  "digest",
  "best_hour",
] as const satisfies readonly Reason[];

/** The held reasons that wait for a limit to have room. */
export const limitReasons = [
  "recipient_limit",
  "organisation_limit",
  "type_limit",
] as const satisfies readonly Reason[];

export const reasons = Object.keys(reasonStatuses) as [Reason, ...Reason[]];

/** The reasons by which deliveries are filtered; `none` selects deliveries without a reason, which wait for their time or their turn, or were sent. */
export const filteredReasons = ["none", ...reasons] as const;
export type FilteredReason = (typeof filteredReasons)[number];

/** The held reasons by which the recipient chose to receive the message later. These deliveries are no backlog. */
export const recipientReasons = [
  "quiet_hours",
  "do_not_disturb",
  "digest",
  "batch",
  "best_hour",
] as const satisfies readonly (typeof heldReasons)[number][];
