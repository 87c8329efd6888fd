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

/** What a delivery may become, by what it is; docs/architecture/ledger.md shows the same as a diagram. */
export const deliveryTransitions: Record<DeliveryStatus, readonly DeliveryStatus[]> = {
  pending: ["sending", "suppressed", "cancelled", "unknown"],
  sending: ["pending", "sent", "failed", "unknown"],
  /** Reserved: nothing reports `delivered` yet. */
  sent: ["delivered"],
  delivered: [],
  /** An operator may have it tried again. */
  failed: ["pending"],
  suppressed: [],
  cancelled: [],
  /** As for `failed`, if the operator says so. */
  unknown: ["pending"],
};
