import { setTimeout as sleep } from "node:timers/promises";
import { defineStatement, type Execute } from "./sql.ts";

/** Rows that a transition has to change are being written by others, and went on being so for too long. Nothing was changed. */
export class LedgerBusy extends Error {
  override name = "LedgerBusy";
  /** The SQLSTATE of a lock that is not available: whoever asked may ask again. */
  readonly code = "55P03";
}

/** How soon rows that were being written are tried again, and for how long at most. */
const againMs = 20;
const giveUpMs = 5_000;

const savepoint = defineStatement<object>("SAVEPOINT uncontended");
const rollback = defineStatement<object>("ROLLBACK TO SAVEPOINT uncontended");
const release = defineStatement<object>("RELEASE SAVEPOINT uncontended");

/**
 * Repeats `work` within its transaction until it leaves no row out. A transition that must not leave a row out may not wait for
 * it while it holds groups either, for a claim locks the row first and its group afterwards. So work passes over rows that are
 * locked and says how many those are; then all that it did is undone, its locks with it, and it begins again.
 * @param work resolves with its result, or with null where it passed over a row that it has to change
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
      throw new LedgerBusy("deliveries are being written by others");
    await sleep(againMs);
  }
}
