import type { Channel } from "../../domain/channel.ts";
import { findPreferences } from "../../domain/policy/decision-input.ts";
import {
  failoverAfterMs,
  failoverTimes,
  shortestFailoverMs,
} from "../../domain/policy/failover.ts";
import { type Priority, priorities } from "../../domain/priority.ts";
import type { LedgerClock } from "../../ledger/clock.ts";
import type { Diversion, Diversions, WaitingList } from "../../ledger/diversions.ts";
import type { Rulebook } from "../../ledger/rulebook.ts";
import type { Sources } from "../../ledger/sources.ts";
import type { Channel as DispatchChannel } from "../channels/channel.ts";
import type { Channels } from "../channels/channels.ts";
import { settleInterruption } from "./decide-page.ts";
import { type ChannelKnowledge, judgeDueStage } from "./judge-stage.ts";
import { loadItems, type PageDeps } from "./page.ts";
import type { Item } from "./send-job.ts";

export interface FailoverDeps extends Pick<
  PageDeps,
  "ledger" | "stages" | "rulebook" | "suppressions" | "attemptLimit"
> {
  channels: Pick<Channels, "all" | "get">;
  clock: LedgerClock;
  diversions: Diversions;
}

/** How often a queue is looked through while one of its channels is out of service. */
const everyMs = 10_000;
/** When deliveries that stay are looked at again: another channel may have become usable. */
const stuckMs = 60_000;
/** How long a worker remembers how far it has looked through a queue. */
const rememberMs = 300_000;
const nothing = { moved: 0, hasInterrupted: false };

/** How far a worker has looked through a queue, which may be drained by several dispatches one after the other. */
export interface FailoverProgress {
  /** When it last looked, by the ledger's clock. */
  lookedAtMs: number;
  /** Where the next look begins, by channel and priority. */
  places: Map<string, WaitingList["after"]>;
}

/**
 * Lets the due deliveries of a queue go on on other channels while theirs is out of service, once it has been for as long as their types and
 * priorities say. Deliveries that cannot use another channel stay. Nothing is read while all channels are in service. Instants are
 * milliseconds of the ledger's clock.
 */
export class Failover {
  readonly #deps: FailoverDeps;
  readonly #queue: string;
  readonly #progress: Map<string, FailoverProgress>;
  /** When the next look would find something, if no other rows have become due since the last one. */
  #plannedMs = Number.NEGATIVE_INFINITY;
  /** Until when no look would find anything, because no channel has been out of service for long enough. */
  #tooSoonUntilMs = Number.NEGATIVE_INFINITY;

  /** @param progress of all queues of this worker */
  constructor(deps: FailoverDeps, queue: string, progress: Map<string, FailoverProgress>) {
    this.#deps = deps;
    this.#queue = queue;
    this.#progress = progress;
  }

  /** When to look through the queue because of a channel; infinite while the channel is in service, or is the worker's only one. */
  lookAtMs(name: Channel): number {
    const { all, get } = this.#deps.channels;
    const since = all.length > 1 ? findOutSince(get(name)) : null;
    if (since === null) return Number.POSITIVE_INFINITY;
    const looked = this.#progress.get(this.#queue);
    const againMs = looked ? looked.lookedAtMs + everyMs : Number.NEGATIVE_INFINITY;
    const soonestMs = Math.max(since.getTime() + shortestFailoverMs, this.#tooSoonUntilMs);
    return Math.max(soonestMs, this.#plannedMs, againMs);
  }

  /** Whether it is time to look through the queue. */
  get isDue(): boolean {
    const nowMs = this.#deps.clock.now().getTime();
    return this.#deps.channels.all.some(({ name }) => this.lookAtMs(name) <= nowMs);
  }

  /** Notes that deliveries may have become due on a channel that is out of service. */
  noteRows(): void {
    this.#plannedMs = Number.NEGATIVE_INFINITY;
  }

  /** Looks through a part of the queue. Resolves with the number of deliveries that go on on another channel. */
  async look(sources: Sources): Promise<number> {
    const { clock, diversions, rulebook } = this.#deps;
    const [{ types }] = await Promise.all([rulebook(), clock.refresh()]);
    const nowMs = clock.now().getTime();
    const out = this.#findOut();
    const { lists, nextMs } = this.#findLists(types, out, nowMs);
    this.#tooSoonUntilMs = lists.length === 0 ? nextMs : Number.NEGATIVE_INFINITY;
    if (lists.length === 0) return 0;
    for (const [queue, { lookedAtMs }] of this.#progress)
      if (nowMs - lookedAtMs > rememberMs) this.#progress.delete(queue);
    const parts = await diversions.find(this.#queue, lists);
    this.#progress.set(this.#queue, {
      lookedAtMs: nowMs,
      places: new Map(parts.map((part) => [placeKey(part), part.after])),
    });
    const ids = parts.flatMap((part) => part.ids);
    const { moved, hasInterrupted } =
      ids.length === 0 ? nothing : await this.#divert(ids, sources, out, nowMs);
    this.#plannedMs =
      hasInterrupted || parts.some(({ hasMore }) => hasMore)
        ? nowMs
        : Math.min(
            nextMs,
            ...parts.flatMap(({ nextDueMs }) => nextDueMs ?? []),
            moved < ids.length ? nowMs + stuckMs : Number.POSITIVE_INFINITY,
          );
    return moved;
  }

  /** The channels that take nothing at the moment because they are out of service, and since when they are. */
  #findOut(): ReadonlyMap<Channel, Date> {
    return new Map(
      this.#deps.channels.all.flatMap((channel) => {
        const since = findOutSince(channel);
        return since === null ? [] : [[channel.name, since]];
      }),
    );
  }

  /** The lists in which deliveries may have waited long enough, and when further ones may have. */
  #findLists(
    types: Rulebook["types"],
    out: ReadonlyMap<Channel, Date>,
    nowMs: number,
  ): { lists: WaitingList[]; nextMs: number } {
    const places = this.#progress.get(this.#queue)?.places;
    const lists: WaitingList[] = [];
    let nextMs = Number.POSITIVE_INFINITY;
    for (const priority of priorities) {
      const times = failoverTimes(types.values(), priority);
      for (const [channel, since] of out) {
        const overMs = times.map((time) => since.getTime() + time);
        nextMs = Math.min(nextMs, overMs.find((ms) => ms > nowMs) ?? nextMs);
        if (!overMs.some((ms) => ms <= nowMs)) continue;
        const after = places?.get(placeKey({ channel, priority })) ?? null;
        lists.push({ channel, priority, after });
      }
    }
    return { lists, nextMs };
  }

  async #divert(
    ids: readonly string[],
    sources: Sources,
    out: ReadonlyMap<Channel, Date>,
    nowMs: number,
  ): Promise<typeof nothing> {
    const { channels, diversions, ledger, attemptLimit } = this.#deps;
    const { items, rulebook, suppressionOf } = await loadItems(
      this.#deps,
      sources,
      await diversions.read(ids),
    );
    const isOffered = (channel: Channel) => channels.get(channel) !== undefined;
    const situation = { out, nowMs, rulebook, suppressionOf, isOffered };
    const at = new Date(nowMs);
    const interrupted = items.filter(({ delivery }) => delivery.interrupted);
    if (interrupted.length > 0)
      await ledger.settle(
        interrupted.map((item) => settleInterruption(item, { at, attemptLimit })),
      );
    const found = items.flatMap((item) =>
      item.delivery.interrupted ? [] : (findDiversion(item, situation) ?? []),
    );
    const moved = (await diversions.divert(found)).length;
    // Those that may be repeated can leave their channel with the next look.
    return { moved, hasInterrupted: interrupted.length > 0 };
  }
}

/** Since when a channel takes nothing because it is out of service; null if it takes messages, if only as trials. */
function findOutSince(channel: DispatchChannel | undefined): Date | null {
  const now = new Date();
  const since = channel?.outSince(now) ?? null;
  return since !== null && channel!.opensAt(now) !== null ? since : null;
}

interface Situation extends ChannelKnowledge {
  /** The channels that are out of service, and since when. */
  out: ReadonlyMap<Channel, Date>;
  nowMs: number;
  rulebook: Rulebook;
}

/**
 * Finds the channel on which a delivery goes on: the first usable one that has not been out of service for too long. If that one is out of
 * service too, the delivery waits for either of the two.
 */
function findDiversion(item: Item, situation: Situation): Diversion | null {
  const { delivery, source } = item;
  const { out, nowMs, rulebook } = situation;
  const limitMs = failoverAfterMs(source.type, delivery.priority);
  if (limitMs === null) return null;
  const isOutTooLong = (channel: Channel) => {
    const since = out.get(channel);
    return since !== undefined && since.getTime() + limitMs <= nowMs;
  };
  if (!isOutTooLong(delivery.channel)) return null;
  const preferences = findPreferences(rulebook.policy, source.type, delivery.preferences);
  const judged = judgeDueStage(item, preferences, situation);
  if (judged === null) return null;
  const usable = judged.order.filter((channel) => judged.judge(channel) === null);
  const next = usable.find((channel) => !isOutTooLong(channel));
  if (next === undefined || out.has(next)) return null;
  const before = usable.slice(0, usable.indexOf(next));
  const left = new Set([delivery.channel, ...before]);
  return {
    delivery,
    next,
    left: [...left].map((channel) => ({ channel, outSince: out.get(channel)! })),
  };
}

const placeKey = ({ channel, priority }: { channel: Channel; priority: Priority }) =>
  `${channel} ${priority}`;
