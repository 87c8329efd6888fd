import type { DeliveryStatus } from "./notification.ts";

/** Why a delivery waits, or why it ended as it did. Stands in the ledger: codes are added, never renamed. */
export type Reason =
  /** Waits for the next try after a transient failure. */
  | "retry"
  | "attempts_exhausted"
  | "provider_rejected"
  | "template_error"
  | "invalid_address"
  | "no_address"
  | "recipient_erased"
  /** The address is on the suppression list. */
  | "address_suppressed"
  | "campaign_cancelled"
  /** Cancelled by an operator while it waited. */
  | "delivery_cancelled"
  /** Waits for another try that an operator asked for. */
  | "retry_requested"
  /** At-most-once: it was handed over, or may have been, and no answer came. */
  | "outcome_unknown";

/** The statuses that a row with this reason may have. */
export const reasonStatuses: Record<Reason, readonly DeliveryStatus[]> = {
  retry: ["pending", "sending"],
  attempts_exhausted: ["failed"],
  provider_rejected: ["failed"],
  template_error: ["failed"],
  invalid_address: ["failed"],
  no_address: ["suppressed"],
  recipient_erased: ["suppressed", "cancelled"],
  address_suppressed: ["suppressed"],
  campaign_cancelled: ["cancelled"],
  delivery_cancelled: ["cancelled"],
  retry_requested: ["pending", "sending"],
  outcome_unknown: ["unknown"],
};

export const reasons = Object.keys(reasonStatuses) as [Reason, ...Reason[]];
