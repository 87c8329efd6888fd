import { setTimeout as sleep } from "node:timers/promises";
import { defineStatement, type Execute } from "./sql.ts";

/** Thrown where other transactions have locked the rows of a transition for too long. Nothing was changed. */
export class LedgerBusy extends Error {
  override name = "LedgerBusy";
  /** The SQLSTATE of a lock that is not available: the caller may try again. */
  readonly code = "55P03";
}

/** The delay before locked rows are tried again, and the longest total time. */
const againMs = 20;
const giveUpMs = 5_000;

const savepoint = defineStatement<object>("SAVEPOINT uncontended");
const rollback = defineStatement<object>("ROLLBACK TO SAVEPOINT uncontended");
const release = defineStatement<object>("RELEASE SAVEPOINT uncontended");

/**
 * Repeats `work` within its transaction until it skips no row. Such work must not wait for a locked row while it holds the locks of groups,
 * because a claim locks the row first and its group afterwards. So it skips locked rows; then all its changes and locks are undone, and
 * it begins again.
 * @param work resolves with its result, or with null where it skipped a row that it has to change
 * @throws LedgerBusy
 */
export async function untilUncontended<Result>(
  execute: Execute,
  work: () => Promise<Result | null>,
): Promise<Result> {
  const deadline = performance.now() + giveUpMs;
  for (;;) {
    await execute(savepoint, {});
    const result = await work();
    if (result !== null) {
      await execute(release, {});
      return result;
    }
    await execute(rollback, {});
    if (performance.now() >= deadline)
      throw new LedgerBusy("other transactions are changing these deliveries");
    await sleep(againMs);
  }
}
