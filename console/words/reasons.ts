import type { Reason } from "../../domain/delivery/reasons.ts";

/** Why a delivery waits, or why it ended as it did, short enough for a column. */
export const reasonWords: Record<Reason, string> = {
  retry: "Another attempt",
  attempts_exhausted: "All attempts failed",
  provider_rejected: "Rejected by the provider",
  template_error: "Template error",
  invalid_address: "Unusable address",
  no_address: "No address",
  recipient_erased: "Recipient erased",
  address_suppressed: "Address suppressed",
  campaign_cancelled: "Campaign cancelled",
  delivery_cancelled: "Cancelled by an operator",
  completed: "Marked as done",
  retry_requested: "Retry requested",
  outcome_unknown: "Provider did not answer",
  quiet_hours: "Quiet hours",
  do_not_disturb: "Do not disturb",
  digest: "Digest",
  batch: "Batch",
  recipient_limit: "Recipient’s limit",
  organisation_limit: "Organisation’s limit",
  type_limit: "Type’s limit",
  smoothed_release: "Its turn after a hold",
  best_hour: "Best hour",
  provider_unavailable: "Provider unavailable",
  provider_rate: "Rate limit",
  rendering: "Its turn to be rendered",
  sender_refused: "Sender refused",
  snoozed: "Snoozed",
  send_requested: "Send requested",
  decide_again: "New decision",
  earlier_stage: "Earlier stage",
  already_reached: "Already reached",
  next_channel: "Next channel",
  channels_exhausted: "No channel left",
  bounced: "Returned",
  expired: "Expired",
  type_off: "Type switched off",
  channel_off: "Channel switched off",
  not_subscribed: "Not subscribed to the topic",
  below_minimum_priority: "Below minimum priority",
  duplicate: "Duplicate",
  superseded: "Superseded",
};

/** The words for a reason that the API names, or for `none`, by which deliveries without one are filtered. A newer API may name one that this console does not know. */
export const wordsOfReason = (reason: string): string =>
  reason === "none"
    ? "Its time or its turn"
    : (reasonWords[reason as Reason] ?? reason.replaceAll("_", " "));
