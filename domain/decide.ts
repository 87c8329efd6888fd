import type { Reason } from "./reasons.ts";

/** What policy says for a delivery that is due. */
export type Decision = { kind: "send" } | { kind: "suppress"; reason: Reason };

/** What a decision weighs, read fresh for every claim. */
export interface DecisionInput {
  recipient: { erased: boolean; email: string | null };
  /** Is the address on the suppression list? */
  suppressed: boolean;
}

/** Whether a due delivery goes out. The first rule that applies decides. */
export function decide({ recipient, suppressed }: DecisionInput): Decision {
  if (recipient.erased) return { kind: "suppress", reason: "recipient_erased" };
  if (suppressed) return { kind: "suppress", reason: "address_suppressed" };
  if (!recipient.email) return { kind: "suppress", reason: "no_address" };
  return { kind: "send" };
}
