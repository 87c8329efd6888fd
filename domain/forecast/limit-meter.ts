import { dayMs, hourMs } from "../time/durations.ts";

/** A rate limit with its quotas, and how much of them has been used. */
export interface HandOverLimit {
  /** Messages per second; null for no rate. */
  permitsPerSecond: number | null;
  /** Messages in each clock hour in UTC; null for no quota. */
  hourlyQuota: number | null;
  usedThisHour: number;
  /** Messages on each UTC day; null for no quota. */
  dailyQuota: number | null;
  usedToday: number;
  /** Nothing is handed over before this instant (epoch milliseconds); null if the limit lets messages through now. */
  shutUntil: number | null;
}

/** Counts how many messages a limit lets through as time goes on. Bursts are left out, so that no hour has more than the rate allows. */
export class LimitMeter {
  readonly #limit: HandOverLimit;
  /** The slots that the rate has brought and nobody has used. */
  #credit = 0;
  #hour: number;
  #day: number;
  #usedThisHour: number;
  #usedToday: number;
  /** Slots of this hour that the forecast has used: the quota also counts earlier ones. */
  #takenThisHour = 0;

  constructor(limit: HandOverLimit, from: number) {
    this.#limit = limit;
    this.#hour = Math.floor(from / hourMs);
    this.#day = Math.floor(from / dayMs);
    this.#usedThisHour = limit.usedThisHour;
    this.#usedToday = limit.usedToday;
  }

  /** Messages per millisecond; infinite without a rate. */
  get rate(): number {
    const { permitsPerSecond } = this.#limit;
    return permitsPerSecond === null ? Number.POSITIVE_INFINITY : permitsPerSecond / 1_000;
  }

  /** Moves on to the span from `from` to `until`, which lies within one clock hour, and returns how many messages it lets through. */
  open(from: number, until: number): number {
    const { shutUntil, permitsPerSecond, hourlyQuota, dailyQuota } = this.#limit;
    this.#beginHour(Math.floor(from / hourMs));
    if (shutUntil !== null && from < shutUntil) return 0;
    let most = Number.POSITIVE_INFINITY;
    if (permitsPerSecond !== null) {
      this.#credit += this.rate * (until - from);
      // The rounding of the credit must not add a message to an hour.
      most = Math.min(
        Math.floor(this.#credit + 1e-6),
        Math.ceil(permitsPerSecond * 3_600) - this.#takenThisHour,
      );
    }
    if (hourlyQuota !== null) most = Math.min(most, hourlyQuota - this.#usedThisHour);
    if (dailyQuota !== null) most = Math.min(most, dailyQuota - this.#usedToday);
    return Math.max(0, most);
  }

  /** Uses slots of the span that was opened last. Unused ones are lost but for a part of one. */
  take(count: number): void {
    this.#takenThisHour += count;
    this.#usedThisHour += count;
    this.#usedToday += count;
    this.#credit = Math.min(1, Math.max(0, this.#credit - count));
  }

  #beginHour(hour: number): void {
    if (hour === this.#hour) return;
    this.#hour = hour;
    this.#usedThisHour = 0;
    this.#takenThisHour = 0;
    const day = Math.floor((hour * hourMs) / dayMs);
    if (day === this.#day) return;
    this.#day = day;
    this.#usedToday = 0;
  }
}
