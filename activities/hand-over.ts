import { performance } from "node:perf_hooks";
import { newUuid, publicId } from "../domain/ids.ts";
import type { Attempt } from "../domain/outcome.ts";
import { settle, type RetryPolicy, type Settlement } from "../domain/settle.ts";
import { createBatcher } from "./batcher.ts";
import type { Channel } from "./channels/channel.ts";
import type { DueDelivery, Held, Ledger, SettledDelivery } from "./ledger.ts";
import type { Source } from "./sources.ts";

/** A delivery that was decided to be sent, on its way from a dispatch. */
export interface Parcel {
  delivery: DueDelivery;
  source: Source;
  /** The workflow's time, going on from where it was; the clock where that is later. */
  now: () => Date;
  /** Not to be claimed any more: the dispatch is ending. */
  withdrawn: AbortSignal;
}

/** What became of a parcel. `dropped`: it was not ours to send (claimed by another, cancelled, withdrawn), and was not. */
export type Handled = Settlement["status"] | "dropped";

export interface HandOver {
  /**
   * Claims the row, hands the message over, and resolves once the outcome is committed. Parcels of notifications
   * overtake those of campaigns. Rejects if the ledger cannot be reached.
   */
  submit(parcel: Parcel): Promise<Handled>;
  /** Messages that may be handed over without their outcome committed, at any instant: what a crash may repeat. */
  readonly inFlightBound: number;
}

/** How long a claimed row is ours without a sign of life, and how often such a sign is given. */
export const leaseMs = 10_000;
const renewMs = 2_000;

const claimBatch = 64;
/** How far claiming may run ahead of handing over. */
const claimedAhead = 64;
const settleBatch = 64;
const settleLingerMs = 2;
const settleRetryMs = 250;

/** A parcel whose row is ours until `deadlineMs` of this process's monotonic clock. */
interface Claimed extends Held {
  parcel: Parcel;
  deadlineMs: number;
  resolve: (handled: Handled) => void;
  reject: (error: unknown) => void;
}

/**
 * The one way by which a worker's messages of one traffic class leave, whichever dispatch found them: it claims in
 * batches, keeps the number of messages in flight under its bound, commits outcomes in batches, and renews the leases of
 * what takes long.
 */
export function createHandOver(deps: {
  ledger: Ledger;
  channel: Channel;
  retry: RetryPolicy;
  inFlightBound: number;
  random?: () => number;
}): HandOver {
  const { ledger, channel, retry, inFlightBound, random = Math.random } = deps;

  type Waiting = Pick<Claimed, "parcel" | "resolve" | "reject">;
  const notifications: Waiting[] = [];
  const campaigns: Waiting[] = [];
  const ready: Claimed[] = [];
  /** Claimed and not settled. */
  const underWay = new Set<Claimed>();
  let claiming = 0;
  let inFlight = 0;

  /** Outcomes are kept while the ledger is away, and written as soon as it is back, for as long as the rows are ours. */
  const outcomes = createBatcher<{ claimed: Claimed; outcome: SettledDelivery }, void>({
    maxItems: settleBatch,
    lingerMs: settleLingerMs,
    parallel: 2,
    async write(items) {
      for (;;) {
        try {
          return await ledger.settle(items.map(({ outcome }) => outcome));
        } catch (error) {
          if (items.every(({ claimed }) => performance.now() > claimed.deadlineMs)) throw error;
          await new Promise((resolve) => setTimeout(resolve, settleRetryMs));
        }
      }
    },
  });

  /** Parcels come in by the page: pumping once for all of them makes full batches. */
  let pumping: NodeJS.Immediate | undefined;
  const pumpSoon = () => {
    pumping ??= setImmediate(() => {
      pumping = undefined;
      pump();
    });
  };

  const pump = () => {
    while (ready.length > 0 && inFlight < inFlightBound) {
      const next = ready.shift()!;
      inFlight++;
      handOver(next)
        .then(next.resolve, next.reject)
        .finally(() => {
          underWay.delete(next);
          inFlight--;
          pump();
        });
    }
    while (notifications.length + campaigns.length > 0 && claiming + ready.length < claimedAhead) void claim();
  };

  const claim = async () => {
    const next = notifications.splice(0, claimBatch);
    next.push(...campaigns.splice(0, claimBatch - next.length));
    const wanted = next.filter(({ parcel }) => !parcel.withdrawn.aborted);
    for (const { parcel, resolve } of next) if (parcel.withdrawn.aborted) resolve("dropped");
    if (wanted.length === 0) return;
    claiming += wanted.length;
    try {
      const token = newUuid();
      const deadlineMs = performance.now() + leaseMs;
      const ids = wanted.map(({ parcel }) => parcel.delivery.id);
      const ours = await ledger.claim({ ids, token, asOf: latest(wanted), leaseMs });
      for (const waiting of wanted) {
        const { id } = waiting.parcel.delivery;
        if (!ours.has(id)) {
          waiting.resolve("dropped");
          continue;
        }
        const claimed = { ...waiting, id, token, deadlineMs };
        underWay.add(claimed);
        ready.push(claimed);
      }
    } catch (error) {
      for (const { reject } of wanted) reject(error);
    } finally {
      claiming -= wanted.length;
      keepLeases();
      pump();
    }
  };

  const handOver = async (claimed: Claimed): Promise<Handled> => {
    // Ours no more: it is left to whoever finds its lease run out.
    if (performance.now() >= claimed.deadlineMs) return "dropped";
    const { parcel, id, token } = claimed;
    const { delivery, source } = parcel;
    const result = await channel.send({
      deliveryId: publicId("delivery", id),
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
        : settle({ attempt: made.at(-1)!, attemptCount, guarantee: source.guarantee, policy: retry, now: parcel.now(), random: random() });
    const attempts = delivery.interrupted ? [interruptedAttempt(), ...made] : made;
    await outcomes.add({ claimed, outcome: { id, token, settlement, attemptCount, attempts } });
    return settlement.status;
  };

  /** While something is under way. A lease's deadline counts from before its renewal was asked for. */
  let keeping: NodeJS.Timeout | undefined;
  const keepLeases = () => {
    if (underWay.size === 0) return;
    keeping ??= setTimeout(async () => {
      keeping = undefined;
      const askedAt = performance.now();
      const rows = [...underWay].filter(({ deadlineMs }) => deadlineMs < askedAt + leaseMs - renewMs / 2 && deadlineMs > askedAt);
      if (rows.length > 0) {
        await ledger.renew({ rows, asOf: latest(rows), leaseMs }).then(
          () => rows.forEach((row) => (row.deadlineMs = askedAt + leaseMs)),
          // The ledger is away: the leases run on, and are asked for again.
          () => {},
        );
      }
      keepLeases();
    }, renewMs);
  };

  return {
    inFlightBound,
    submit(parcel) {
      return new Promise((resolve, reject) => {
        (parcel.delivery.campaignId === null ? notifications : campaigns).push({ parcel, resolve, reject });
        pumpSoon();
      });
    },
  };
}

const latest = (rows: readonly Pick<Claimed, "parcel">[]) => new Date(Math.max(...rows.map(({ parcel }) => parcel.now().getTime())));

/** The hand-over that a dead worker left behind, as evidence beside what follows it. */
export function interruptedAttempt(now = new Date()): Attempt {
  return { provider: null, outcome: "unknown", failure: "interrupted", response: null, startedAt: now, finishedAt: now };
}
