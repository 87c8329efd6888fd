/**
 * How long a test waits for a condition. No promise is kept within such a time: it only bounds a hang, so it is far longer than
 * a busy machine needs. A promise about time is shown by the order of what happened, or by instants that were recorded.
 */
export const waitMs = 120_000;

/** The same of a whole test or hook: longer than a wait in it, so that the wait says what did not happen. */
export const testMs = 300_000;

/** For `vi.waitFor` and `vi.waitUntil`; `expect.poll` has it from vitest.config.ts. */
export const patience = { timeout: waitMs, interval: 20 };

/** Of a transaction that a test holds open itself. */
export const transactionLimits = { maxWait: waitMs, timeout: waitMs };
