import { performance } from "node:perf_hooks";
import type { Attempt } from "../domain/outcome.ts";
import { settle, type RetryPolicy, type Settlement } from "../domain/settle.ts";
import { publicId } from "../domain/ids.ts";
import { createBatcher } from "./batcher.ts";
import type { Channel } from "./channels/channel.ts";
import type { ClaimedDelivery, Ledger, SettledDelivery } from "./ledger.ts";
import type { Source } from "./sources.ts";

/** What a dispatch may do with the rows it claimed. */
export interface Lease {
  /** Until when they are its own, by this process's monotonic clock; moved on as the lease is renewed. */
  deadlineMs: number;
  /** What is not marked yet shall not be: the dispatch is ending. */
  withdrawn: boolean;
  /** The workflow's time, going on from where it was; the clock where that is later. */
  now: () => Date;
}

export interface Parcel {
  delivery: ClaimedDelivery;
  source: Source;
  lease: Lease;
}

/** What became of a parcel. `dropped`: it was no longer ours (cancelled, or the lease was lost), and nothing was sent. */
export type Handled = Settlement["status"] | "dropped";

export interface HandOver {
  /**
   * Marks the row as `sending`, hands the message over, and resolves once the outcome is committed. Parcels of
   * notifications overtake those of campaigns. Rejects only if the ledger stays away until the lease has run out.
   */
  submit(parcel: Parcel): Promise<Handled>;
  /** Messages that may be handed over without their outcome committed, at any instant: what a crash may repeat. */
  readonly inFlightBound: number;
}

/** How far marking may run ahead of handing over. */
const markedAheadLimit = 64;
const markBatch = 32;
const settleBatch = 64;
const lingerMs = 2;
const settleRetryMs = 250;

export function createHandOver(deps: {
  ledger: Ledger;
  channel: Channel;
  retry: RetryPolicy;
  leaseMs: number;
  inFlightBound: number;
  random?: () => number;
}): HandOver {
  const { ledger, channel, retry, leaseMs, inFlightBound, random = Math.random } = deps;

  type Waiting = Parcel & { resolve: (handled: Handled) => void; reject: (error: unknown) => void };
  const notifications: Waiting[] = [];
  const campaigns: Waiting[] = [];
  const marked: Waiting[] = [];
  let marking = 0;
  let inFlight = 0;

  const ours = ({ lease }: Parcel) => performance.now() < lease.deadlineMs;

  /** The ledger may be away for a while: outcomes are kept and written again for as long as the lease is ours. */
  const settled = createBatcher<{ outcome: SettledDelivery; lease: Lease }, void>({
    maxItems: settleBatch,
    lingerMs,
    parallel: 2,
    async write(items) {
      for (;;) {
        try {
          return await ledger.settle(items.map(({ outcome }) => outcome));
        } catch (error) {
          if (items.every(({ lease }) => performance.now() > lease.deadlineMs)) throw error;
          await new Promise((resolve) => setTimeout(resolve, settleRetryMs));
        }
      }
    },
  });

  /** Parcels come in by the claim: pumping once for all of them makes full batches. */
  let pumping: NodeJS.Immediate | undefined;
  const pumpSoon = () => {
    pumping ??= setImmediate(() => {
      pumping = undefined;
      pump();
    });
  };

  const pump = () => {
    while (marked.length > 0 && inFlight < inFlightBound) {
      const next = marked.shift()!;
      inFlight++;
      handOver(next)
        .then(next.resolve, next.reject)
        .finally(() => {
          inFlight--;
          pump();
        });
    }
    while (notifications.length + campaigns.length > 0 && marking + marked.length < markedAheadLimit) void mark();
  };

  const mark = async () => {
    const next = notifications.splice(0, markBatch);
    next.push(...campaigns.splice(0, markBatch - next.length));
    const batch = next.filter((parcel) => !parcel.lease.withdrawn && ours(parcel));
    next.filter((parcel) => !batch.includes(parcel)).forEach(({ resolve }) => resolve("dropped"));
    if (batch.length === 0) return;
    marking += batch.length;
    try {
      const sending = await ledger.markSending(batch.map(({ delivery }) => delivery), leaseMs);
      for (const parcel of batch) {
        if (sending.has(parcel.delivery.id)) marked.push(parcel);
        else parcel.resolve("dropped");
      }
    } catch (error) {
      batch.forEach(({ reject }) => reject(error));
    } finally {
      marking -= batch.length;
      pump();
    }
  };

  const handOver = async (parcel: Parcel): Promise<Handled> => {
    // Marked, but not ours to send any more: the row is left to whoever claims it when its lease has run out.
    if (!ours(parcel)) return "dropped";
    const { delivery, source } = parcel;
    const before = delivery.interrupted ? [interruptedAttempt()] : [];
    const result = await channel.send({
      deliveryId: publicId("delivery", delivery.id),
      templateVersionId: source.templateVersionId,
      content: source.content,
      recipient: delivery.recipient,
      data: source.data,
      repeatable: source.guarantee === "at_least_once",
    });
    const made = result.kind === "attempted" ? result.attempts : [];
    const attemptCount = delivery.attemptCount + made.length;
    const settlement: Settlement =
      result.kind === "unsendable"
        ? { status: "failed", reason: result.reason, detail: result.detail }
        : settle({
            attempt: made.at(-1)!,
            attemptCount,
            guarantee: source.guarantee,
            policy: retry,
            now: parcel.lease.now(),
            random: random(),
          });
    await settled.add({
      outcome: { id: delivery.id, token: delivery.token, settlement, attemptCount, attempts: [...before, ...made] },
      lease: parcel.lease,
    });
    return settlement.status;
  };

  return {
    inFlightBound,
    submit(parcel) {
      return new Promise((resolve, reject) => {
        (parcel.delivery.campaignId === null ? notifications : campaigns).push({ ...parcel, resolve, reject });
        pumpSoon();
      });
    },
  };
}

/** The hand-over that a dead worker left behind, as evidence beside the one that follows it. */
export function interruptedAttempt(now = new Date()): Attempt {
  return { provider: null, outcome: "unknown", failure: "interrupted", response: null, startedAt: now, finishedAt: now };
}
