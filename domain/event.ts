/** What happens around a message once it is sent. Stands in the table of events: kinds are added, never renamed. */
export const eventKinds = ["delivery.viewed", "delivery.snoozed", "delivery.completed"] as const;
export type EventKind = (typeof eventKinds)[number];
