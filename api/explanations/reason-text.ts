import { localText } from "../../domain/time/local-text.ts";
import type { Reason } from "../../domain/delivery/reasons.ts";

/** Why a delivery waits, or why it ended as it did. Each text continues a sentence such as "It waits until 07:00, …". */
export const reasonTexts: Record<Reason, string> = {
  retry: "for another attempt after a temporary failure",
  attempts_exhausted: "all permitted attempts failed",
  provider_rejected: "the provider rejected it permanently",
  template_error: "its template could not be rendered",
  invalid_address: "messages cannot be sent to the recipient’s address",
  no_address: "the recipient has no address for its channel",
  recipient_erased: "the recipient was erased",
  address_suppressed: "the address is on the suppression list",
  campaign_cancelled: "its campaign was cancelled",
  delivery_cancelled: "an operator cancelled it",
  completed: "the recipient marked its subject as done",
  retry_requested: "for another attempt, which an operator requested",
  outcome_unknown: "it may have been handed over, and the provider did not answer",
  quiet_hours: "for the recipient’s quiet hours to end",
  do_not_disturb: "for the recipient’s do-not-disturb period to end",
  digest: "for the recipient’s digest",
  batch: "for other deliveries of its type, to be sent as one message",
  recipient_limit: "because the recipient has reached the hourly limit of their preferences",
  organisation_limit: "because the recipient has reached the organisation’s limit",
  type_limit: "because the recipient has reached the limit of its notification type",
  smoothed_release: "for its turn among the deliveries that were held together",
  best_hour: "for the hour at which the recipient usually reads messages",
  provider_unavailable: "for a provider to be available again",
  provider_rate: "for the rate limit of its channel or provider to allow more messages",
  rendering:
    "for its turn to be rendered, because its template takes long or recently exceeded the limits of rendering",
  sender_refused:
    "for a provider to accept messages again, because it refuses the sender or all messages",
  snoozed: "because the recipient snoozed it",
  send_requested: "to be sent at once, as an operator requested",
  decide_again: "for a new decision, because something that it waited for has changed",
  expired: "it expired before it could be sent",
  type_off: "messages of its type are switched off",
  channel_off: "messages on its channel are switched off, or its type does not allow the channel",
  not_subscribed: "the recipient is not subscribed to the topic of its campaign",
  below_minimum_priority: "its priority is below the lowest that the recipient wants",
  duplicate:
    "a message with the same deduplication key was requested for the recipient shortly before",
  earlier_stage: "for the time of its stage, or for an earlier stage of its route to end",
  already_reached: "an earlier stage of its route has reached the recipient",
  next_channel:
    "to be sent on the next channel of its route, because the one before failed or was out of service",
  channels_exhausted: "every channel of its stage has failed or cannot be used",
  bounced: "a mail server had accepted it, and it was returned later as undeliverable",
  superseded: "a newer message with its collapse key took its place",
};

/** Describes an instant for readers: in UTC, and in the recipient’s time zone. */
export const describeInstant = (at: number, zone: string) =>
  `${new Date(at).toISOString()} (${localText(zone, at)} in ${zone})`;
