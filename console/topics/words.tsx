import type { DeliveryStatus } from "../../domain/delivery/status.ts";
import type { ConsentStep, ConsentWay, SubscriptionStatus } from "../../domain/consent.ts";
import type { IconName } from "../parts/icon.tsx";
import { Chip } from "../parts/status-chip.tsx";
import { capitalise } from "../words/statuses.ts";

const looks: Record<SubscriptionStatus, { tone: DeliveryStatus; icon: IconName }> = {
  pending: { tone: "pending", icon: "clock" },
  subscribed: { tone: "delivered", icon: "check" },
  unsubscribed: { tone: "cancelled", icon: "stop" },
};

/** The status of a subscription: a colour, an icon and the word. */
export const SubscriptionChip = ({ status }: { status: SubscriptionStatus }) => (
  <Chip {...looks[status]} word={capitalise(status)} />
);

export const wayWords: Record<ConsentWay, string> = {
  form: "Sign-up form",
  api: "API",
  import: "Import",
  recipient: "The recipient",
  operator: "Console",
};

export const stepWords: Record<ConsentStep, string> = {
  requested: "Asked for confirmation",
  confirmed: "Confirmed",
  subscribed: "Subscribed at once",
  imported: "Imported",
  unsubscribed: "Unsubscribed",
};
