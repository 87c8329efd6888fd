import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { Context } from "@temporalio/activity";
import type { ReadRulebook } from "../../ledger/rulebook.ts";
import type { Load } from "../../domain/policy/batching.ts";
import { campaignGate, releaseGate } from "../../domain/delivery/gates.ts";
import type { Policy } from "../../domain/policy/policy.ts";
import { parseQueueName, waitingDigests } from "../../domain/delivery/queues.ts";
import type { Channel } from "../channels/channel.ts";
import { decidePage, heldBack, type Outgoing, wasLeftBehind } from "./decide-page.ts";
import type { Echoes } from "../../ledger/repeats.ts";
import type { Gates, Permits } from "../../ledger/gates.ts";
import type { Handled, HandOver, Parcel } from "./sender.ts";
import type { DueDelivery, Ledger } from "../../ledger/ledger.ts";
import type { Merges } from "../../ledger/merging.ts";
import type { Sources } from "../../ledger/sources.ts";
import type { Summaries } from "./content.ts";
import type { Suppressions } from "../../ledger/suppressions.ts";

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
  /** Why the earliest open row waits, as in domain/delivery/reasons.ts, or `throttle`; null if it is simply due. */
  waitsFor: string | null;
  /** Rows still open in the queue, counted up to a bound. */
  open: number;
  counts: Partial<Record<DispatchOutcome, number>>;
}

/** `held`: it waits for what policy says, alone or with others. */
type DispatchOutcome = Handled | "held";

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
/** What opens this soon is waited for here: a workflow's timer would cost more than the wait. */
const waitHereMs = 1_000;

export interface DispatchDeps {
  ledger: Ledger;
  channel: Pick<Channel, "opensAt" | "reserve" | "recoveredAt">;
  gates: Gates;
  handOver: HandOver;
  /** Hand-overs of a delivery at most, as the retry policy has it. */
  attemptLimit: number;
  /** Fresh for each dispatch. */
  sources: () => Sources;
  suppressions: Suppressions;
  echoes: Echoes;
  merges: Merges;
  summaries: Summaries;
  rulebook: ReadRulebook;
  /** How much waits to be sent, as last seen. */
  load: () => Load;
  mailboxShards: number;
  /** Starts the workflow of a queue, or has it look again. */
  wake: (queue: string) => Promise<void>;
  /** How long a mailbox that has just been emptied is watched: cheaper than a new activity for what comes next. */
  lingerMs?: number;
}

/**
 * Drains what is due in a queue: takes permits, reads a page, decides, and lets the hand-over claim, send and settle.
 * Ends when nothing is due soon, after a round, or when it is cancelled or its worker drains; what was not claimed by
 * then was never taken. Whatever kills it, rows in flight are found again when their leases run out.
 */
export function createDispatch(deps: DispatchDeps) {
  const { ledger, gates, handOver, lingerMs = 300 } = deps;

  return async function dispatch(input: DispatchInput): Promise<DispatchResult> {
    const context = Context.current();
    const cancelled = context.cancellationSignal;
    const startedAt = performance.now();
    const asOf = Date.parse(input.asOf);
    const now = () => new Date(Math.max(asOf + performance.now() - startedAt, Date.now()));
    const queue = parseQueueName(input.queue);
    const gate = queue.kind === "lane" ? campaignGate(queue.campaignId) : null;
    const scope = () => ({ queue: input.queue, asOf: now() });

    const sources = deps.sources();
    const withdrawal = new AbortController();
    const held = new Set<string>();
    const counts: DispatchResult["counts"] = {};
    let failure: { error: unknown } | undefined;
    let onChange = () => {};

    const done = (id: string, handled: DispatchOutcome) => {
      held.delete(id);
      counts[handled] = (counts[handled] ?? 0) + 1;
      onChange();
    };

    /** Messages that have no permit yet, by recipient: they come before what is read next. */
    const ahead = new Map<string, number>();
    const comesAhead = (recipientId: string, count: number) =>
      ahead.set(recipientId, (ahead.get(recipientId) ?? 0) + count);

    const submit = (message: Outgoing, contentOf: Parcel["contentOf"]) => {
      const { recipientId } = message;
      comesAhead(recipientId, 1);
      let waiting = true;
      const waitsNoMore = () => {
        if (waiting) comesAhead(recipientId, -1);
        waiting = false;
      };
      let left = message.items.length;
      handOver.submit({
        message,
        contentOf,
        now,
        withdrawn: withdrawal.signal,
        claimed: waitsNoMore,
        done: (id, handled) => {
          if (--left === 0) waitsNoMore();
          done(id, handled);
        },
        failed: (error) => {
          failure ??= { error };
          waitsNoMore();
          for (const { delivery } of message.items) done(delivery.id, "dropped");
        },
      });
    };

    /**
     * What is decided without a hand-over is written at once; the rest is on its way when this returns.
     * @returns how many messages are
     */
    const take = async (found: DueDelivery[]): Promise<number> => {
      const groups = [
        ...new Set(found.flatMap((row) => (row.group && !wasLeftBehind(row) ? row.group.id : []))),
      ];
      const others =
        groups.length === 0
          ? []
          : await ledger.membersOf({ groups, asOf: now(), except: [...held] });
      for (const { id } of others) held.add(id);
      const due = [...found, ...others];
      const [rulebook, sourceOf, isSuppressed] = await Promise.all([
        deps.rulebook(),
        sources.of(due),
        deps.suppressions.of(due),
      ]);
      const items = due.map((delivery) => ({ delivery, source: sourceOf(delivery, rulebook) }));
      const { policy } = rulebook;
      const echoOf = await deps.echoes.of(items, now(), policy.deduplicationSeconds);

      // The ledger's clock says that they are due, which this worker's may not say yet.
      const at = new Date(Math.max(now().getTime(), ...due.map(({ dueAt }) => dueAt.getTime())));
      const page = decidePage({
        items,
        at,
        rulebook,
        load: deps.load(),
        isSuppressed,
        echoOf,
        ahead: (recipientId) => ahead.get(recipientId) ?? 0,
        recoveredAt: deps.channel.recoveredAt(),
        attemptLimit: deps.attemptLimit,
        mailboxShards: deps.mailboxShards,
      });
      const { settled, decided, merging } = page;
      const postponed = await later(
        page.outgoing.filter(({ released }) => released),
        policy,
        at,
      );
      for (const [message, until] of postponed) decided.push(...heldBack(message, until, at));

      await Promise.all([
        settled.length === 0 ? null : ledger.settle(settled),
        ledger.decided(decided),
        deps.merges.merge(merging, at),
      ]);
      for (const { id, settlement } of settled)
        if (settlement.status === "pending") held.delete(id);
        else done(id, settlement.status);
      for (const { id, dueAt } of decided) done(id, dueAt === null ? "suppressed" : "held");
      for (const { id } of merging) done(id, "held");
      // Its members are drained by another workflow, which may not run.
      const elsewhere = new Set(merging.map((row) => row.queue));
      elsewhere.delete(input.queue);
      elsewhere.delete(waitingDigests);
      await Promise.all([...elsewhere].map((name) => deps.wake(name)));

      const outgoing = page.outgoing.filter((message) => !postponed.has(message));
      const firsts = outgoing.map((message) => message.items[0]!);
      const summarise = await deps.summaries.of(firsts, policy);
      for (const message of outgoing) submit(message, (claimed) => summarise(claimed, now()));
      return outgoing.length;
    };

    /** Of messages that were held back with others those that come later than the channel's rate of release allows now, and when. */
    const later = async (
      released: readonly Outgoing[],
      { release }: Policy,
      at: Date,
    ): Promise<Map<Outgoing, number>> => {
      if (released.length === 0) return new Map();
      const { channelPerSecond: perSecond } = release;
      const key = releaseGate(released[0]!.items[0]!.delivery.channel);
      await gates.ensure({ key, perSecond, burst: Math.ceil(perSecond) });
      const { granted, opensInMs } = await gates.take({ key, wanted: released.length, asOf: at });
      const spreadMs = (place: number) => Math.ceil(((place + 1) * 1_000) / perSecond);
      return new Map(
        released
          .slice(granted)
          .map((message, place) => [message, at.getTime() + opensInMs + spreadMs(place)]),
      );
    };

    /** Permits of the campaign's throttle and of the channel, for as many messages as both have. */
    const permits = async (wanted: number): Promise<Permits> => {
      const closedUntil = deps.channel.opensAt(now());
      if (closedUntil) return closedGrant(closedUntil.getTime() - now().getTime());
      const asOf = now();
      const throttle = gate === null ? null : await gates.take({ key: gate, wanted, asOf });
      if (throttle?.granted === 0) return throttle;
      const channel = await deps.channel.reserve({ wanted: throttle?.granted ?? wanted, asOf });
      if (throttle === null) return channel;
      await throttle.giveBack(throttle.granted - channel.granted);
      return {
        ...channel,
        async giveBack(count) {
          await Promise.all([throttle.giveBack(count), channel.giveBack(count)]);
        },
      };
    };

    /** Looks once. Resolves with what it found: rows, nothing, or a closed gate. */
    const refill = async (): Promise<{ rows: number } | Permits> => {
      const grant = await permits(pageRows);
      if (grant.granted === 0) return grant;
      const due = await ledger.due({ ...scope(), limit: grant.granted, except: [...held] });
      for (const { id } of due) held.add(id);
      let used = 0;
      try {
        if (due.length > 0) used = await take(due);
      } finally {
        if (used < grant.granted) await grant.giveBack(grant.granted - used);
      }
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
    let closedBy = "";

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
            closedBy = gate !== null && found.closed === gate ? "throttle" : "provider_unavailable";
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
      return { nextDueAt: new Date(opensAt).toISOString(), waitsFor: closedBy, open, counts };
    }
    return { nextDueAt: nextDueAt?.toISOString() ?? null, waitsFor: reason, open, counts };
  };
}

const closedGrant = (opensInMs: number): Permits => ({
  granted: 0,
  opensInMs,
  closed: null,
  giveBack: () => Promise.resolve(),
});
