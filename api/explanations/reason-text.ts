import { localText } from "../../domain/time/local-text.ts";
import type { Reason } from "../../domain/delivery/reasons.ts";

/** Why a delivery waits, or ended as it did, to go on a sentence with. */
export const reasonWords: Record<Reason, string> = {
  retry: "to be tried again after a failure that may pass",
  attempts_exhausted: "every attempt that it may have has failed",
  provider_rejected: "the provider refused it for good",
  template_error: "its template could not be rendered: `detail` of the delivery says why",
  invalid_address: "the recipient’s address is none that can be sent to",
  no_address: "the recipient has no address for its channel",
  recipient_erased: "the recipient was erased",
  address_suppressed: "the address is on the suppression list",
  campaign_cancelled: "its campaign was cancelled",
  delivery_cancelled: "an operator cancelled it",
  completed: "the recipient is done with what it is about",
  retry_requested: "to be tried again, as an operator asked",
  outcome_unknown: "it was handed over, or may have been, and no answer came",
  quiet_hours: "for the recipient’s quiet hours to end",
  do_not_disturb: "for the recipient’s do-not-disturb to end",
  digest: "for the recipient’s digest",
  batch: "for others of its type, to go out as one message",
  recipient_limit: "for the recipient has been sent as much this hour as they wish",
  organisation_limit: "for the recipient has been sent as much as the organisation allows",
  type_limit: "for the recipient has been sent as much of this type as it allows",
  smoothed_release: "for its turn among what was held back together",
  best_hour: "for the hour at which the recipient mostly looks",
  provider_unavailable: "for a provider to be back in service",
  provider_rate: "for a provider to take more",
  rendering: "for its turn to be rendered, for its template takes long",
  sender_refused:
    "for a provider to accept messages again: it refuses the sender, or whatever is sent",
  snoozed: "as the recipient asked",
  send_requested: "to go out at once, as an operator asked",
  decide_again: "to be decided again, for something that it waited for is different now",
  expired: "its time to live was over",
  type_off: "messages of its type are switched off",
  channel_off: "messages of its channel are switched off, or its type may not use it",
  below_minimum_priority: "its priority is below the lowest that the recipient wants",
  duplicate: "the same was told a moment ago",
  superseded: "a newer message with its collapse key took its place",
};

/** An instant for reading: in UTC, and by the recipient's clock. */
export const instantWords = (at: number, zone: string) =>
  `${new Date(at).toISOString()} (${localText(zone, at)} in ${zone})`;
