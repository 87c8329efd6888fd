import type { AttemptOutcome } from "../../domain/webhook-endpoint.ts";
import { endpointFailingDays } from "../../domain/webhook-endpoint.ts";
import type { SubscribableKind } from "../../domain/event-kinds.ts";
import { Chip } from "../parts/status-chip.tsx";
import type { WebhookEndpoint } from "./webhook-queries.ts";

/** In the order in which they are shown. */
export const kindWords: Record<SubscribableKind, string> = {
  "delivery.delivered": "Delivered",
  "delivery.opened": "Opened",
  "delivery.clicked": "Clicked",
  "delivery.read": "Read in the inbox",
  "delivery.bounced": "Bounced",
  "delivery.complained": "Complained",
  "recipient.unsubscribed": "Unsubscribed",
  "recipient.resubscribed": "Subscribed again",
  "topic.subscribed": "Subscribed to a topic",
  "topic.unsubscribed": "Unsubscribed from a topic",
  "delivery.viewed": "Link of an action viewed",
  "delivery.snoozed": "Snoozed",
  "delivery.completed": "Completed",
};
export const shownKinds = Object.keys(kindWords) as SubscribableKind[];

export const outcomeWords: Record<AttemptOutcome, string> = {
  taken: "Accepted",
  refused: "Refused",
  unavailable: "Unavailable",
  gone: "Gone",
};

const outcomeLooks = {
  taken: { tone: "delivered", icon: "check" },
  refused: { tone: "failed", icon: "cross" },
  unavailable: { tone: "unknown", icon: "clock" },
  gone: { tone: "failed", icon: "stop" },
} as const;

export const OutcomeChip = ({ outcome }: { outcome: AttemptOutcome }) => (
  <Chip {...outcomeLooks[outcome]} word={outcomeWords[outcome]} />
);

/** Whether events are sent to the endpoint, and how that goes. */
export function EndpointChip({ endpoint }: { endpoint: WebhookEndpoint }) {
  const { enabled, disabledReason, failingSince, lastSuccessAt } = endpoint;
  if (disabledReason !== null) return <Chip tone="failed" icon="stop" word="Switched off" />;
  if (!enabled) return <Chip tone="cancelled" icon="stop" word="Off" />;
  if (failingSince !== null) return <Chip tone="failed" icon="cross" word="Failing" />;
  if (lastSuccessAt === null) return <Chip tone="pending" icon="clock" word="Not used yet" />;
  return <Chip tone="delivered" icon="check" word="Works" />;
}

/** Why an endpoint is off. */
export function describeOff({ disabledReason }: WebhookEndpoint): string {
  if (disabledReason === "gone")
    return "Tidings has switched it off, because it answered 410 Gone. Correct its URL before you switch it on.";
  if (disabledReason === "failing")
    return `Tidings has switched it off, because it has accepted no events for ${endpointFailingDays} days. Switch it on when it works, and send again what it has missed.`;
  return "It was switched off. Events that occur meanwhile can be sent again when it is on.";
}
