import type { DeliveryStatus } from "../../domain/delivery/status.ts";

/** How many deliveries have not ended. */
export const openCounts = ({ pending, sending }: Record<DeliveryStatus, number>) =>
  pending + sending;
