import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { newUuid, publicId } from "../domain/ids.ts";
import type { Attempt } from "../domain/outcome.ts";
import { settle, type RetryPolicy, type Settlement } from "../domain/settle.ts";
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

/** Rows settled, and rows claimed, in one turn of the ledger at most; half as many make a turn worth while at once. */
const turnRows = 64;
/** Rows claimed ahead of handing over. */
const aheadRows = 64;
/** How long the outcomes of a few messages wait for company. */
const lingerMs = 2;
const parallelTurns = 2;
const settleRetryMs = 250;

/** A parcel whose row is ours until `deadlineMs` of this process's monotonic clock. */
interface Claimed extends Held {
  parcel: Parcel;
  deadlineMs: number;
  resolve: (handled: Handled) => void;
  reject: (error: unknown) => void;
}

/**
 * The one way by which a worker's messages of one traffic class leave, whichever dispatch found them. It writes the ledger
 * in turns, each of which settles what ended and claims what is next; keeps the number of messages in flight under its
 * bound; and renews the leases of what takes long.
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
  type Ended = { claimed: Claimed; outcome: SettledDelivery; resolve: () => void; reject: (error: unknown) => void };
  const notifications: Waiting[] = [];
  const campaigns: Waiting[] = [];
  const ready: Claimed[] = [];
  const ended: Ended[] = [];
  /** Claimed and not settled. */
  const underWay = new Set<Claimed>();
  let turns = 0;
  let claiming = 0;
  let inFlight = 0;

  const pump = () => {
    while (ready.length > 0 && inFlight < inFlightBound) {
      const next = ready.shift()!;
      inFlight++;
      handOver(next)
        .then(next.resolve, next.reject)
        .finally(() => {
          underWay.delete(next);
          inFlight--;
          pumpSoon();
        });
    }
    while (turns < parallelTurns && worthATurn()) void turn();
    if (ended.length > 0 && turns < parallelTurns) lingering ??= setTimeout(lingered, lingerMs);
  };

  /** What comes together is pumped together: full turns instead of many small ones. */
  let pumping: NodeJS.Immediate | undefined;
  const pumpSoon = () => {
    pumping ??= setImmediate(() => {
      pumping = undefined;
      pump();
    });
  };

  let lingering: NodeJS.Timeout | undefined;
  const lingered = () => {
    lingering = undefined;
    if (ended.length > 0 && turns < parallelTurns) void turn();
  };

  const room = () => aheadRows - ready.length - claiming;
  const worthATurn = () => ended.length >= turnRows / 2 || (room() >= aheadRows / 2 && notifications.length + campaigns.length > 0);

  const turn = async () => {
    const settling = ended.splice(0, turnRows);
    const next = notifications.splice(0, room());
    next.push(...campaigns.splice(0, room() - next.length));
    const wanted = next.filter(({ parcel }) => !parcel.withdrawn.aborted);
    for (const { parcel, resolve } of next) if (parcel.withdrawn.aborted) resolve("dropped");
    if (settling.length + wanted.length === 0) return;
    turns++;
    claiming += wanted.length;
    const token = newUuid();
    const deadlineMs = performance.now() + leaseMs;
    try {
      const ours = await ledger.turn({
        settled: settling.map(({ outcome }) => outcome),
        wanted: wanted.map(({ parcel }) => parcel.delivery.id),
        token,
        asOf: latest(wanted),
        leaseMs,
      });
      for (const { resolve } of settling) resolve();
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
      void settleLater(settling);
    } finally {
      turns--;
      claiming -= wanted.length;
      keepLeases();
      pumpSoon();
    }
  };

  /** Outcomes are kept while the ledger is away, and written as soon as it is back, for as long as the rows are ours. */
  const settleLater = async (settling: readonly Ended[]) => {
    for (;;) {
      await sleep(settleRetryMs);
      try {
        await ledger.settle(settling.map(({ outcome }) => outcome));
        for (const { resolve } of settling) resolve();
        return;
      } catch (error) {
        if (settling.some(({ claimed }) => performance.now() < claimed.deadlineMs)) continue;
        for (const { reject } of settling) reject(error);
        return;
      }
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
    await new Promise<void>((resolve, reject) => {
      ended.push({ claimed, outcome: { id, token, settlement, attemptCount, attempts }, resolve, reject });
      pumpSoon();
    });
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

const latest = (rows: readonly Pick<Claimed, "parcel">[]) => new Date(Math.max(0, ...rows.map(({ parcel }) => parcel.now().getTime())));

/** The hand-over that a dead worker left behind, as evidence beside what follows it. */
export function interruptedAttempt(now = new Date()): Attempt {
  return { provider: null, outcome: "unknown", failure: "interrupted", response: null, startedAt: now, finishedAt: now };
}
