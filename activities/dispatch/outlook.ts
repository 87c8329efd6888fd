import { performance } from "node:perf_hooks";
import type { LedgerClock } from "../../ledger/clock.ts";
import type { Ledger, NextDue } from "../../ledger/ledger.ts";
import type { Sender } from "./sender.ts";
import type { Failover } from "./failover.ts";
import type { Throttle } from "./throttle.ts";

/** When a dispatch of a queue would next find a row to send. */
export interface Outlook {
  /** Null: not before the queue is woken. */
  nextDueAt: Date | null;
  /** Why that row waits: a reason of domain/delivery/reasons.ts, or `throttle`; null if it is simply due. */
  waitsFor: string | null;
  /** The number of rows still open in the queue, counted up to a bound. */
  open: number;
}

/**
 * Reads the earliest instant at which a row is due and its channel takes messages, or at which rows of a channel that is out of service may
 * go on on another one, over all channels. For a lane it is not before the throttle opens.
 */
export async function readOutlook(
  queue: string,
  {
    ledger,
    clock,
    sender,
  }: { ledger: Pick<Ledger, "outlook">; clock: LedgerClock; sender: Pick<Sender, "opensAt"> },
  throttle: Throttle,
  failover: Pick<Failover, "lookAtMs">,
): Promise<Outlook> {
  const [{ next, open }] = await Promise.all([ledger.outlook(queue), clock.refresh()]);
  const now = clock.now();
  let first: NextDue | null = null;
  for (const [channel, due] of next) {
    const opens = sender.opensAt(channel, new Date());
    const opensAt = opens && clock.fromLocal(opens);
    const taken =
      opensAt !== null && opensAt > due.dueAt
        ? { dueAt: opensAt, reason: "provider_unavailable" }
        : due;
    const lookAtMs = failover.lookAtMs(channel);
    const own =
      lookAtMs < taken.dueAt.getTime()
        ? { dueAt: new Date(lookAtMs), reason: "provider_unavailable" }
        : taken;
    if (first === null || own.dueAt < first.dueAt) first = own;
  }
  const throttled = new Date(now.getTime() + throttle.opensAtMs - performance.now());
  if (first !== null && throttle.isClosed && throttled > first.dueAt)
    first = { dueAt: throttled, reason: "throttle" };
  return { nextDueAt: first?.dueAt ?? null, waitsFor: first?.reason ?? null, open };
}
