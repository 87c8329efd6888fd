import type { Reason } from "./reasons.ts";

/** The largest value of the ledger's column. */
const maximumHoldCount = 32_767;

/** How many times in a row a delivery has been held for the reason `now`. A hold for another reason starts the count again. */
export const nextHoldCount = (
  { reason, holdCount }: { reason: Reason | null; holdCount: number },
  now: Reason,
): number => (reason === now ? Math.min(holdCount + 1, maximumHoldCount) : 1);
