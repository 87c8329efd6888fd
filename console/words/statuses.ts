import type { DeliveryStatus } from "../../domain/delivery/status.ts";
import type { Priority } from "../../domain/priority.ts";
import type { Channel } from "../../domain/channel.ts";

/** What a status means, in a few words. */
export const statusMeanings: Record<DeliveryStatus, string> = {
  pending: "Waits for its time or its turn",
  sending: "Is being handed over",
  sent: "The provider has accepted it",
  delivered: "The device or receiver has it",
  failed: "It could not be sent",
  suppressed: "Not sent, by a rule",
  cancelled: "An operator or its campaign stopped it",
  unknown: "It may have been sent: the provider did not answer",
};

export const channelWords: Record<Channel, string> = {
  email: "Email",
  push: "Push",
  in_app: "Inbox",
  sms: "SMS",
  webhook: "Webhook",
};

export const priorityWords: Record<Priority, string> = {
  critical: "Critical",
  high: "High",
  normal: "Normal",
  low: "Low",
};

export const capitalise = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

/** Turns a name of the API, such as `quiet_hours` or `windowMinutes`, into words. */
export const toWords = (name: string) =>
  capitalise(
    name
      .replaceAll(/[_.]/g, " ")
      .replaceAll(/([a-z])([A-Z])/g, "$1 $2")
      .toLowerCase()
      .replaceAll(/\bnon /g, "non-"),
  );
