/**
 * The kinds of events around a message after it was sent, and the event that tries an endpoint. The ledger stores them: kinds are added, never
 * renamed.
 */
export const eventKinds = [
  "delivery.viewed",
  "delivery.snoozed",
  "delivery.completed",
  "recipient.unsubscribed",
  "recipient.resubscribed",
  "topic.subscribed",
  "topic.unsubscribed",
  "delivery.delivered",
  "delivery.read",
  "delivery.opened",
  "delivery.clicked",
  "delivery.bounced",
  "delivery.complained",
  "webhook.test",
] as const;
export type EventKind = (typeof eventKinds)[number];

/** The kind of an event that an operator sends to try an endpoint. It is sent once, whether or not it is accepted. */
export const testKind = "webhook.test" as const satisfies EventKind;

/** The kinds that an endpoint can ask for. */
export type SubscribableKind = Exclude<EventKind, typeof testKind>;
export const subscribableKinds = eventKinds.filter((kind) => kind !== testKind) as [
  SubscribableKind,
  ...SubscribableKind[],
];
