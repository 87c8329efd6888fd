import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { Context } from "@temporalio/activity";
import { decide } from "../domain/decide.ts";
import { parseQueueName } from "../domain/queues.ts";
import { settleInterrupted } from "../domain/settle.ts";
import type { Gates } from "./gates.ts";
import { interruptedAttempt, type Handled, type HandOver } from "./hand-over.ts";
import type { DueDelivery, Ledger, SettledDelivery } from "./ledger.ts";
import type { Sources } from "./sources.ts";
import type { Suppressions } from "./suppressions.ts";

export interface DispatchInput {
  queue: string;
  /** The workflow's time, ISO 8601. */
  asOf: string;
  /** The API request that it was last woken for, for the log. */
  requestId?: string;
}

export interface DispatchResult {
  /** The earliest instant at which another dispatch would find something, ISO 8601; null if only a wake can bring it. */
  nextDueAt: string | null;
  /** Why the earliest open row waits, as in domain/reasons.ts, or `throttle`; null if it is simply due. */
  waitsFor: string | null;
  /** Rows still open in the queue, counted up to a bound. */
  open: number;
  counts: Partial<Record<Handled, number>>;
}

const heartbeatMs = 2_000;

/** A dispatch makes room for others after this long, or this many rows. */
const roundMs = 10_000;
const roundRows = 10_000;
const pageRows = 200;
/** Rows in hand while more are looked for, so that sending never waits for a page. */
const holdRows = 150;
/**
 * How often new rows are looked for while earlier ones are still being sent, or have just been. Notifications come in
 * together as far as they may, and are claimed and settled together: as wakes are coalesced, so are looks.
 */
const lookAgainMs = { critical: 50, mailbox: 200, lane: 200, digest: 200 };
/** How long a mailbox that has just been emptied is watched: cheaper than a new activity for what comes next. */
const lingerMs = 300;
/** What opens this soon is waited for here: a workflow's timer would cost more than the wait. */
const waitHereMs = 1_000;

export interface DispatchDeps {
  ledger: Ledger;
  gates: Gates;
  handOver: HandOver;
  /** Hand-overs of a delivery at most, as the retry policy has it. */
  attemptLimit: number;
  /** Fresh for each dispatch. */
  sources: () => Sources;
  suppressions: Suppressions;
}

/**
 * Drains what is due in a queue: takes permits, reads a page, decides, and lets the hand-over claim, send and settle.
 * Ends when nothing is due soon, after a round, or when it is cancelled or its worker drains; what was not claimed by
 * then was never taken. Whatever kills it, rows in flight are found again when their leases run out.
 */
export function createDispatch(deps: DispatchDeps) {
  const { ledger, gates, handOver } = deps;

  return async function dispatch(input: DispatchInput): Promise<DispatchResult> {
    const context = Context.current();
    const cancelled = context.cancellationSignal;
    const startedAt = performance.now();
    const asOf = Date.parse(input.asOf);
    const now = () => new Date(Math.max(asOf + performance.now() - startedAt, Date.now()));
    const queue = parseQueueName(input.queue);
    const gate = queue.kind === "lane" ? `campaign/${queue.campaignId}` : null;
    const scope = () => ({ queue: input.queue, asOf: now() });

    const sources = deps.sources();
    const withdrawal = new AbortController();
    const held = new Set<string>();
    const counts: DispatchResult["counts"] = {};
    let failure: { error: unknown } | undefined;
    let onChange = () => {};

    const done = (id: string, handled: Handled) => {
      held.delete(id);
      counts[handled] = (counts[handled] ?? 0) + 1;
      onChange();
    };

    /** What is decided without a hand-over is settled at once; the rest is on its way when this returns. */
    const take = async (due: DueDelivery[]) => {
      const [sourceOf, isSuppressed] = await Promise.all([
        sources.of(due),
        deps.suppressions.of(due),
      ]);
      const settled: SettledDelivery[] = [];
      for (const delivery of due) {
        const { id, token, attemptCount, forgivenCount, interrupted } = delivery;
        const source = sourceOf(delivery);
        const decision = decide({
          recipient: { erased: delivery.erased, email: delivery.recipient.email },
          suppressed: isSuppressed(delivery),
        });
        const ended =
          (interrupted &&
            settleInterrupted(attemptCount - forgivenCount, source.guarantee, deps.attemptLimit)) ||
          (decision.kind === "suppress" && {
            status: "suppressed" as const,
            reason: decision.reason,
          });
        if (ended) {
          const attempts = interrupted ? [interruptedAttempt()] : [];
          settled.push({ id, token, attemptCount, attempts, settlement: ended });
        } else {
          handOver.submit({
            delivery,
            source,
            now,
            withdrawn: withdrawal.signal,
            done: (handled) => done(id, handled),
            failed: (error) => {
              failure ??= { error };
              done(id, "dropped");
            },
          });
        }
      }
      if (settled.length > 0) await ledger.settle(settled);
      for (const { id, settlement } of settled) done(id, settlement.status);
    };

    /** Looks once. Resolves with what it found: rows, nothing, or a closed gate. */
    const refill = async (): Promise<{ rows: number } | { opensInMs: number }> => {
      const grant =
        gate === null
          ? { granted: pageRows, opensInMs: 0 }
          : await gates.take({ key: gate, wanted: pageRows, asOf: now() });
      if (grant.granted === 0) return { opensInMs: grant.opensInMs };
      const due = await ledger.due({ ...scope(), limit: grant.granted, except: [...held] });
      for (const { id } of due) held.add(id);
      if (gate !== null && due.length < grant.granted)
        await gates.giveBack({ key: gate, permits: grant.granted - due.length });
      if (due.length > 0) await take(due);
      return { rows: due.length };
    };

    const beating = setInterval(() => context.heartbeat(), heartbeatMs);
    const withdraw = () => {
      withdrawal.abort();
      onChange();
    };
    cancelled.addEventListener("abort", withdraw, { once: true });
    if (cancelled.aborted) withdraw();
    const endsAt = startedAt + roundMs;
    let foundRows = 0;
    let lookAt = 0;
    let lingerUntil = 0;
    let gateOpensAt = 0;

    /** Until what is held leaves room for more, or new rows shall be looked for; until all is done when `ending`. */
    const progress = (ending: boolean) =>
      new Promise<void>((resolve) => {
        const waitMs = ending || held.size > holdRows ? heartbeatMs : lookAt - performance.now();
        const timer = setTimeout(resolve, Math.min(waitMs, heartbeatMs));
        onChange = () => {
          const room = held.size <= holdRows && performance.now() >= lookAt;
          if (held.size > 0 && !(room && !ending) && (ending || !mustEnd())) return;
          clearTimeout(timer);
          resolve();
        };
      });
    const mustEnd = () => failure !== undefined || withdrawal.signal.aborted;

    try {
      for (;;) {
        const at = performance.now();
        const ending = mustEnd() || at >= endsAt || foundRows >= roundRows;
        if (!ending && held.size <= holdRows && at >= lookAt) {
          const found = await refill();
          if ("opensInMs" in found) {
            lookAt = gateOpensAt = performance.now() + found.opensInMs;
          } else if (found.rows > 0) {
            foundRows += found.rows;
            if (gate === null) lingerUntil = performance.now() + lingerMs;
          } else {
            lookAt = performance.now() + lookAgainMs[queue.kind];
          }
        } else if (held.size > 0) {
          await progress(ending);
        } else if (ending || gateOpensAt > at + waitHereMs) {
          break;
        } else if (gateOpensAt > at || at < lingerUntil) {
          await sleep(Math.max(1, lookAt - at), undefined, { signal: cancelled }).catch(() => {});
        } else {
          const { nextDueAt } = await ledger.outlook(scope());
          const inMs =
            nextDueAt === null ? Number.POSITIVE_INFINITY : nextDueAt.getTime() - now().getTime();
          if (inMs > waitHereMs) break;
          await sleep(Math.max(1, inMs), undefined, { signal: cancelled }).catch(() => {});
        }
      }
      if (failure) throw failure.error;
    } finally {
      // What is not claimed by now is the next dispatch's, also where this one fails.
      withdrawal.abort();
      clearInterval(beating);
      cancelled.removeEventListener("abort", withdraw);
    }

    const { nextDueAt, reason, open } = await ledger.outlook(scope());
    const opensAt = now().getTime() + gateOpensAt - performance.now();
    if (nextDueAt !== null && gateOpensAt > performance.now() && opensAt > nextDueAt.getTime()) {
      return { nextDueAt: new Date(opensAt).toISOString(), waitsFor: "throttle", open, counts };
    }
    return { nextDueAt: nextDueAt?.toISOString() ?? null, waitsFor: reason, open, counts };
  };
}
