import type { Reason } from "./reasons.ts";

/** The most that the ledger's column keeps. */
const maximumHoldCount = 32_767;

/** How often in a row a delivery is held for `now`, given how it was held so far: holds for another reason do not count. */
export const nextHoldCount = (
  { reason, holdCount }: { reason: Reason | null; holdCount: number },
  now: Reason,
): number => (reason === now ? Math.min(holdCount + 1, maximumHoldCount) : 1);
