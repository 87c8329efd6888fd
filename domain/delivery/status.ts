export const deliveryStatuses = [
  "pending",
  "sending",
  "sent",
  "delivered",
  "failed",
  "suppressed",
  "cancelled",
  "unknown",
] as const;

export type DeliveryStatus = (typeof deliveryStatuses)[number];

/** The statuses by which deliveries are counted. `open` are those that wait or are being sent. */
export const countedStatuses = [
  "open",
  "sent",
  "delivered",
  "failed",
  "suppressed",
  "cancelled",
  "unknown",
] as const;

export type CountedStatus = (typeof countedStatuses)[number];

/** The allowed next statuses of a delivery by its status; docs/architecture/ledger.md shows them as a diagram. */
export const deliveryTransitions: Record<DeliveryStatus, readonly DeliveryStatus[]> = {
  pending: ["sending", "suppressed", "cancelled", "unknown"],
  sending: ["pending", "sent", "failed", "unknown"],
  /** A device or another receiver has reported that it has the message. */
  sent: ["delivered"],
  delivered: [],
  /** An operator may retry it. */
  failed: ["pending"],
  suppressed: [],
  cancelled: [],
  /** An operator may retry it, at the risk of a duplicate. */
  unknown: ["pending"],
};
