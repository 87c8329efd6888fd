import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { newUuid, publicId } from "../domain/ids.ts";
import type { Attempt } from "../domain/outcome.ts";
import { settle, type RetryPolicy, type Settlement } from "../domain/settle.ts";
import type { Channel, SendResult } from "./channels/channel.ts";
import type { DueDelivery, Held, Ledger, SettledDelivery } from "./ledger.ts";
import type { Source } from "./sources.ts";

/** A delivery that was decided to be sent, on its way from a dispatch. */
interface Parcel {
  delivery: DueDelivery;
  source: Source;
  /** The workflow's time, going on from where it was; the clock where that is later. */
  now: () => Date;
  /** Not to be claimed any more: the dispatch is ending. */
  withdrawn: AbortSignal;
  /** Called once: its outcome is committed, or it was dropped. */
  done: (handled: Handled) => void;
  /** Called instead if the ledger cannot be reached; what is claimed is found again when its lease has run out. */
  failed: (error: unknown) => void;
}

/** What became of a parcel. `dropped`: it was not ours to send (claimed by another, cancelled, withdrawn), and was not. */
export type Handled = Settlement["status"] | "dropped";

export interface HandOver {
  /** Claims the row, hands the message over, commits the outcome. Parcels of notifications overtake those of campaigns. */
  submit(parcel: Parcel): void;
  /** Messages that may be handed over without their outcome committed, at any instant: what a crash may repeat. */
  readonly inFlightBound: number;
}

/** How long a claimed row is ours without a sign of life, and how often such a sign is given. */
const leaseMs = 10_000;
const renewMs = 2_000;

/** Rows settled in one turn of the ledger, and rows claimed in it or before, at most. */
const turnRows = 96;
const aheadRows = 128;
/** Outcomes that make a turn worth while: a statement and its commit cost as much as a dozen of its rows. */
const worthRows = 40;
/** How long fewer outcomes wait for company while messages are still being handed over. */
const lingerMs = 3;
/** Claimed rows left when more are claimed whatever there is to settle. */
const aheadLow = 16;
const settleRetryMs = 250;

/** A parcel whose row is ours until `deadlineMs` of this process's monotonic clock. */
interface Claimed extends Held {
  parcel: Parcel;
  deadlineMs: number;
}

/** A claimed parcel of which is known what became. */
interface Ended extends SettledDelivery {
  claimed: Claimed;
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

  const notifications: Parcel[] = [];
  const campaigns: Parcel[] = [];
  const ready: Claimed[] = [];
  const ended: Ended[] = [];
  /** Claimed and not settled. */
  const underWay = new Set<Claimed>();
  /** Being handed over. */
  let sending = 0;
  /** Handed over, perhaps, and not settled: what is sending, what ended, and what is being settled. */
  let inFlight = 0;
  let turning = false;

  const pump = () => {
    while (ready.length > 0 && inFlight < inFlightBound) handOver(ready.shift()!);
    if (turning) return;
    const waiting = notifications.length + campaigns.length;
    const worthATurn =
      ended.length >= worthRows ||
      (ended.length > 0 && sending === 0) ||
      (ready.length < aheadLow && waiting > 0);
    if (worthATurn) void turn();
    else if (ended.length > 0) lingering ??= setTimeout(lingered, lingerMs);
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
    if (!turning && ended.length > 0) void turn();
  };

  const turn = async () => {
    const settled = ended.splice(0, turnRows);
    const wanted: Parcel[] = [];
    for (const queue of [notifications, campaigns]) {
      for (const parcel of queue.splice(0, aheadRows - ready.length - wanted.length)) {
        if (parcel.withdrawn.aborted) parcel.done("dropped");
        else wanted.push(parcel);
      }
    }
    // All of them were withdrawn: others may stand behind them.
    if (settled.length + wanted.length === 0) return pumpSoon();
    turning = true;
    const token = newUuid();
    const deadlineMs = performance.now() + leaseMs;
    try {
      const ours = await ledger.turn({
        settled,
        wanted: wanted.map(({ delivery: { id, attemptCount }, source: { revision } }) => ({
          id,
          attemptCount,
          revision,
        })),
        token,
        asOf: latest(wanted),
        leaseMs,
      });
      for (const { claimed, settlement } of settled) leave(claimed, settlement.status);
      for (const parcel of wanted) {
        const { id } = parcel.delivery;
        // Given out once, though two dispatches may have read it.
        if (!ours.delete(id)) {
          parcel.done("dropped");
          continue;
        }
        const claimed = { id, token, parcel, deadlineMs };
        underWay.add(claimed);
        ready.push(claimed);
      }
    } catch (error) {
      for (const parcel of wanted) parcel.failed(error);
      void settleLater(settled);
    } finally {
      turning = false;
      keepLeases();
      pumpSoon();
    }
  };

  const leave = (claimed: Claimed, handled: Handled | { error: unknown }) => {
    underWay.delete(claimed);
    inFlight--;
    if (typeof handled === "string") claimed.parcel.done(handled);
    else claimed.parcel.failed(handled.error);
  };

  /** Outcomes are kept while the ledger is away, and written as soon as it is back, for as long as the rows are ours. */
  const settleLater = async (settled: readonly Ended[]) => {
    if (settled.length === 0) return;
    for (;;) {
      await sleep(settleRetryMs);
      try {
        await ledger.settle(settled);
        for (const { claimed, settlement } of settled) leave(claimed, settlement.status);
        break;
      } catch (error) {
        const [first] = settled;
        if (isRefusal(error) && settled.length > 1) {
          // One of them is at fault: its neighbours are not to suffer for it.
          await Promise.all(settled.map((one) => settleLater([one])));
          break;
        }
        if (isRefusal(error) && first!.attempts.length > 0) {
          // Better a row that ends without its evidence than one that never does.
          await settleLater([{ ...first!, attempts: [] }]);
          break;
        }
        if (
          !isRefusal(error) &&
          settled.some(({ claimed }) => performance.now() < claimed.deadlineMs)
        )
          continue;
        for (const { claimed } of settled) leave(claimed, { error });
        break;
      }
    }
    pumpSoon();
  };

  const handOver = (claimed: Claimed) => {
    inFlight++;
    // Ours no more: it is left to whoever finds its lease run out.
    if (performance.now() >= claimed.deadlineMs) return leave(claimed, "dropped");
    const { delivery, source } = claimed.parcel;
    sending++;
    channel
      .send({
        messageId: publicId("delivery", claimed.id),
        templateVersionId: source.templateVersionId,
        content: source.content,
        recipient: delivery.recipient,
        data: source.data,
        actions: [],
        repeatable: source.guarantee === "at_least_once",
      })
      .then(
        (result) => {
          sending--;
          ended.push(outcomeOf(claimed, result));
          pumpSoon();
        },
        (error: unknown) => {
          sending--;
          leave(claimed, { error });
          pumpSoon();
        },
      );
  };

  const outcomeOf = (claimed: Claimed, result: SendResult): Ended => {
    const { delivery, source, now } = claimed.parcel;
    const made = result.kind === "attempted" ? result.attempts : [];
    const attemptCount = delivery.attemptCount + made.length;
    const settlement: Settlement =
      result.kind === "unsendable"
        ? { status: "failed", reason: result.reason, detail: result.detail }
        : settle({
            attempt: made.at(-1)!,
            attemptCount: attemptCount - delivery.forgivenCount,
            guarantee: source.guarantee,
            policy: retry,
            now: now(),
            random: random(),
          });
    const attempts = delivery.interrupted ? [interruptedAttempt(), ...made] : made;
    return { id: claimed.id, token: claimed.token, settlement, attemptCount, attempts, claimed };
  };

  /** While something is under way. A lease's deadline counts from before its renewal was asked for. */
  let keeping: NodeJS.Timeout | undefined;
  const keepLeases = () => {
    if (underWay.size === 0) return;
    keeping ??= setTimeout(() => void renew(), renewMs);
  };
  const renew = async () => {
    keeping = undefined;
    const askedAt = performance.now();
    const rows = [...underWay].filter(
      ({ deadlineMs }) => deadlineMs < askedAt + leaseMs - renewMs / 2 && deadlineMs > askedAt,
    );
    if (rows.length > 0) {
      await ledger.renew({ rows, asOf: latest(rows.map(({ parcel }) => parcel)), leaseMs }).then(
        () => rows.forEach((row) => (row.deadlineMs = askedAt + leaseMs)),
        // The ledger is away: the leases run on, and are asked for again.
        () => {},
      );
    }
    keepLeases();
  };

  return {
    inFlightBound,
    submit(parcel) {
      (parcel.delivery.campaignId === null ? notifications : campaigns).push(parcel);
      pumpSoon();
    },
  };
}

/** Parcels of one dispatch share their clock. */
const latest = (parcels: readonly Parcel[]) =>
  new Date(
    Math.max(0, ...[...new Set(parcels.map(({ now }) => now))].map((now) => now().getTime())),
  );

/** The hand-over that a dead worker left behind, as evidence beside what follows it. */
export function interruptedAttempt(now = new Date()): Attempt {
  return {
    provider: null,
    outcome: "unknown",
    failure: "interrupted",
    response: null,
    startedAt: now,
    finishedAt: now,
  };
}

/** PostgreSQL refused the data itself (classes 22 and 23 of SQLSTATE): the same again will be refused again. */
const isRefusal = (error: unknown) =>
  error instanceof Error && "code" in error && /^2[23]/.test(String(error.code));
