import { hourMs } from "../time/durations.ts";
import { type HandOverLimit, LimitMeter } from "./limit-meter.ts";

/** Messages that are ready to be handed over from an instant on (epoch milliseconds). */
interface Arrival {
  at: number;
  count: number;
}

/** What one channel has to hand over, and what limits it. */
export interface ChannelLoad {
  arrivals: readonly Arrival[];
  /** Messages of others that are due already, and are handed over first. */
  ahead: number;
  /** The limit of the channel; null if it has none. */
  gate: HandOverLimit | null;
  /** The limits of its providers, in the order in which they are tried; null for a provider without one. Without providers nothing limits it. */
  providers: readonly (HandOverLimit | null)[];
}

export interface HandOverPlan {
  /** The present, in epoch milliseconds. */
  from: number;
  /** The messages per second of all channels together; null for no limit. */
  throttle: number | null;
  channels: readonly ChannelLoad[];
}

export interface HandOverForecast {
  /** The instants of the first and the last hand-over; null if there is none. */
  first: number | null;
  last: number | null;
  /** The hand-overs in each clock hour in UTC that has any. */
  hours: Arrival[];
  /** The messages that are still not handed over at the end of the time that is looked at. */
  beyond: number;
}

/** How long hand-overs are looked at, from the first message on. */
export const forecastMs = 31 * 24 * hourMs;

/**
 * Calculates when messages are handed over, if nothing but the given limits holds them up. In no clock hour are there more than the throttle, the gate
 * of the channel, or its providers together allow; the hours and `beyond` add up to the messages that arrive.
 */
export function forecastHandOvers({ from, throttle, channels }: HandOverPlan): HandOverForecast {
  const lanes = channels.map((load) => new Lane(load, from));
  const pace = new LimitMeter({ ...unlimited, permitsPerSecond: throttle }, from);
  const arrivals = channels.flatMap((load) => load.arrivals.map(({ at }) => at));
  const end = Math.max(from, arrivals.length === 0 ? from : Math.min(...arrivals)) + forecastMs;
  const hours = new Map<number, number>();
  let first: number | null = null;
  let last: number | null = null;
  for (let start = from; start < end && lanes.some((lane) => lane.isOwing);) {
    const change = Math.min(...lanes.map((lane) => lane.nextChangeAfter(start)));
    if (lanes.every((lane) => lane.isIdle(start))) {
      start = change;
      continue;
    }
    const next = Math.min((Math.floor(start / hourMs) + 1) * hourMs, change);
    let room = pace.open(start, next);
    let taken = 0;
    for (const lane of lanes) {
      const given = lane.handOver(start, next, room);
      if (given.count === 0) continue;
      room -= given.count;
      taken += given.count;
      first = Math.min(first ?? given.first, given.first);
      const byPace = start + taken / pace.rate;
      last = Math.max(last ?? 0, Math.min(next, Math.max(given.last, byPace)));
    }
    pace.take(taken);
    if (taken > 0) {
      const hour = Math.floor(start / hourMs) * hourMs;
      hours.set(hour, (hours.get(hour) ?? 0) + taken);
    }
    start = next;
  }
  return {
    first,
    last,
    hours: [...hours].map(([at, count]) => ({ at, count })),
    beyond: lanes.reduce((sum, lane) => sum + lane.owed, 0),
  };
}

const unlimited: HandOverLimit = {
  permitsPerSecond: null,
  hourlyQuota: null,
  usedThisHour: 0,
  dailyQuota: null,
  usedToday: 0,
  shutUntil: null,
};

/** The messages of one channel on their way through its limits. */
class Lane {
  readonly #arrivals: Arrival[];
  readonly #gate: LimitMeter;
  readonly #providers: LimitMeter[];
  /** When limits that are shut open again. */
  readonly #openings: number[];
  #ahead: number;
  #ready = 0;

  constructor({ arrivals, ahead, gate, providers }: ChannelLoad, from: number) {
    this.#arrivals = arrivals
      .filter(({ count }) => count > 0)
      .toSorted((a, b) => b.at - a.at || b.count - a.count);
    this.#ahead = ahead;
    const used = providers.length === 0 ? [null] : providers;
    this.#gate = new LimitMeter(gate ?? unlimited, from);
    this.#providers = used.map((limit) => new LimitMeter(limit ?? unlimited, from));
    this.#openings = [gate, ...used].flatMap((limit) => limit?.shutUntil ?? []);
  }

  /** The messages that are not handed over yet. */
  get owed(): number {
    return this.#arrivals.reduce((sum, { count }) => sum + count, this.#ready);
  }

  get isOwing(): boolean {
    return this.#ready > 0 || this.#arrivals.length > 0;
  }

  /** Whether there is nothing to hand over at an instant. */
  isIdle(at: number): boolean {
    const next = this.#arrivals.at(-1);
    return this.#ready === 0 && this.#ahead === 0 && (next === undefined || next.at > at);
  }

  /** The next instant after `start` at which messages arrive or a limit opens. */
  nextChangeAfter(start: number): number {
    const arriving = this.#arrivals.findLast(({ at }) => at > start)?.at;
    return Math.min(
      arriving ?? Number.POSITIVE_INFINITY,
      ...this.#openings.filter((at) => at > start),
    );
  }

  /** Hands over what the limits allow in a span within one clock hour, at most `room` messages. Those ahead are handed over before. */
  handOver(
    start: number,
    until: number,
    room: number,
  ): { count: number; first: number; last: number } {
    while ((this.#arrivals.at(-1)?.at ?? Number.POSITIVE_INFINITY) <= start)
      this.#ready += this.#arrivals.pop()!.count;
    const open = this.#providers.map((provider) => provider.open(start, until));
    const most = Math.min(
      this.#gate.open(start, until),
      open.reduce((sum, count) => sum + count, 0),
    );
    const before = Math.min(this.#ahead, most);
    const count = Math.min(this.#ready, most - before, room);
    this.#ahead -= before;
    this.#ready -= count;
    this.#gate.take(before + count);
    let left = before + count;
    for (const [index, provider] of this.#providers.entries()) {
      const taken = Math.min(left, open[index]!);
      provider.take(taken);
      left -= taken;
    }
    const rate = Math.min(
      this.#gate.rate,
      this.#providers.reduce((sum, provider) => sum + provider.rate, 0),
    );
    const at = (messages: number) => Math.min(until, start + messages / rate);
    return { count, first: at(before), last: at(before + count) };
  }
}

/** Scales counts so that their sum is exactly `to`; the sum of `counts` must be more than 0, or `to` must be 0. */
export function scaleCounts(counts: readonly number[], to: number): number[] {
  const total = counts.reduce((sum, count) => sum + count, 0);
  let passed = 0;
  let given = 0;
  return counts.map((count) => {
    passed += count;
    const upTo = total === 0 ? 0 : Math.round((passed / total) * to);
    const scaled = upTo - given;
    given = upTo;
    return scaled;
  });
}
