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
