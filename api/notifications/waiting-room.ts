import { shareOf } from "../../domain/delivery/shares.ts";
import type { CountedByKey } from "../../ledger/waiting-counts.ts";

/** The next count begins at the earliest after this many times the duration of the last one, so that counting costs little. */
const recountTimes = 10;
/** The next count begins at the earliest after this time. */
const recountMs = 150;

type Counts<Kind extends string> = Record<Kind, number>;

/** How many deliveries of one kind may wait. */
export interface Rule<Kind extends string> {
  kind: Kind;
  bound: number;
}

/** How much of a bound an API key can still use. */
export interface Room {
  bound: number;
  /** How many deliveries of the key may wait. */
  share: number;
  /** By how many deliveries the request exceeds the share: 0 if there is room. Null if that is not known without another count. */
  excess: number | null;
}

/** The place that the deliveries of one notification take among those that wait. It is taken before the notification is written. */
interface Place<Kind extends string> {
  readonly key: string;
  /** How many deliveries the notification has. Until the place is released, how many it may have. */
  counts: Counts<Kind>;
  released: boolean;
  /** Whether the notification was being written during a count, so that the count may or may not include it. */
  ambiguous: boolean;
}

/** A place, which must be released in every case, or the reason why there is none. */
export type Found<Kind extends string> =
  | { refused: Room }
  | {
      refused: null;
      /** Releases the place. `written` is how many deliveries were written; if that is not known, how many would have been. */
      release: (written: Counts<Kind>) => void;
    };

/**
 * Knows how many deliveries of each API key wait: the last count in the ledger, plus what this process has accepted, or is about to
 * accept, since. With one API process the sum is never too low. With several it can be too low by what the other processes accept
 * between two counts.
 */
export class WaitingRoom<Kind extends string> {
  readonly #read: (byKey: boolean) => Promise<CountedByKey<Kind>>;
  readonly #maxAgeMs: number;
  #counted = new Map<string, Counts<Kind>>();
  #countedAt = -Infinity;
  #tookMs = 0;
  /** Whether the last count is broken down by key. */
  #isByKey = false;
  /** Whether the next count must be broken down by key, because a key may have reached its share. */
  #needsKeys = false;
  #counting: Promise<void> | null = null;
  /** The places that the last count may not include: they were not released before it began. */
  readonly #uncounted = new Set<Place<Kind>>();
  /** The sums of the last count and of the uncounted places, over all keys. */
  #totals = new Map<Kind, number>();

  /**
   * @param maxAgeMs a count older than this is not used. A younger one is used and renewed at the same time, unless the deliveries that
   *   wait are few compared with the bound
   */
  constructor(read: (byKey: boolean) => Promise<CountedByKey<Kind>>, maxAgeMs: number) {
    this.#read = read;
    this.#maxAgeMs = maxAgeMs;
  }

  /** How many deliveries of a kind wait, of all keys together. */
  total(kind: Kind): number {
    return this.#totals.get(kind) ?? 0;
  }

  /** How many deliveries of a kind wait, by key. */
  #byKey(kind: Kind): Map<string, number> {
    const sums = new Map<string, number>();
    for (const [key, counts] of this.#counted) sums.set(key, counts[kind]);
    for (const { key, counts } of this.#uncounted)
      sums.set(key, (sums.get(key) ?? 0) + counts[kind]);
    return sums;
  }

  /** Returns the room that a key has for `size` more deliveries. */
  roomFor(key: string, size: number, { kind, bound }: Rule<Kind>): Room {
    const largestShare = shareOf(bound, []);
    // All keys together are below the largest share, so that no key can exceed its own.
    if (this.total(kind) + size <= largestShare) return { bound, share: largestShare, excess: 0 };
    this.#needsKeys = true;
    if (!this.#isByKey) return { bound, share: largestShare, excess: null };
    const byKey = this.#byKey(kind);
    const own = byKey.get(key) ?? 0;
    byKey.delete(key);
    const share = shareOf(bound, byKey.values());
    return { bound, share, excess: Math.max(0, own + size - share) };
  }

  /**
   * Takes a place if any of `rules` has room for it. Finding and taking it is one step. A refusal is never based on an old count, nor on
   * a place that may be counted twice.
   */
  async find(
    key: string,
    counts: Counts<Kind>,
    rules: readonly [Rule<Kind>, ...Rule<Kind>[]],
  ): Promise<Found<Kind>> {
    const [{ kind, bound }] = rules;
    if (this.#ageMs() > this.#goodForMs(this.#maxAgeMs)) await this.#shareRecount();
    else if (this.total(kind) > bound / 2) this.renew(recountMs);
    for (let recounts = 0; ; recounts++) {
      const rooms = rules.map((rule) => this.roomFor(key, counts[rule.kind], rule));
      if (rooms.some(({ excess }) => excess === 0)) return this.#take(key, counts);
      const isYoung = this.#ageMs() <= this.#goodForMs(recountMs) && !this.#isAmbiguous();
      if (recounts === 3 || (isYoung && this.#isByKey)) return { refused: rooms[0]! };
      await this.#shareRecount();
    }
  }

  #take(key: string, counts: Counts<Kind>): Found<Kind> {
    const place: Place<Kind> = { key, counts, released: false, ambiguous: this.#counting !== null };
    this.#uncounted.add(place);
    this.#add(counts, 1);
    return {
      refused: null,
      release: (written) => {
        this.#add(place.counts, -1);
        place.counts = written;
        place.released = true;
        if (Object.values<number>(written).every((count) => count === 0))
          this.#uncounted.delete(place);
        else this.#add(written, 1);
      },
    };
  }

  /** Starts a new count if the last one is older than `ageMs`. Does not wait for it. */
  renew(ageMs: number): void {
    if (this.#ageMs() > this.#goodForMs(ageMs)) this.#shareRecount().catch(() => {});
  }

  #ageMs(): number {
    return performance.now() - this.#countedAt;
  }

  #goodForMs(ms: number): number {
    return Math.max(ms, this.#tookMs * recountTimes);
  }

  #isAmbiguous(): boolean {
    for (const { released, ambiguous } of this.#uncounted) if (released && ambiguous) return true;
    return false;
  }

  #shareRecount(): Promise<void> {
    return (this.#counting ??= this.#recount().finally(() => (this.#counting = null)));
  }

  async #recount(): Promise<void> {
    const beganAt = performance.now();
    const seen = [...this.#uncounted].filter(({ released }) => released);
    for (const place of this.#uncounted) place.ambiguous = true;
    const isByKey = this.#needsKeys;
    this.#needsKeys = false;
    const { byKey, isComplete } = await this.#read(isByKey);
    // A count that was cut off is a lower bound for each key, so that it must not lower what is known.
    if (!isComplete && isByKey && this.#isByKey) {
      for (const { key, counts } of seen) addTo(this.#counted, key, counts);
      for (const [key, counts] of this.#counted) raise(byKey, key, counts);
    }
    this.#counted = byKey;
    this.#isByKey = isByKey;
    this.#countedAt = beganAt;
    this.#tookMs = performance.now() - beganAt;
    for (const place of seen) this.#uncounted.delete(place);
    this.#totals = new Map();
    for (const counts of byKey.values()) this.#add(counts, 1);
    for (const { counts } of this.#uncounted) this.#add(counts, 1);
  }

  #add(counts: Counts<Kind>, sign: 1 | -1): void {
    for (const kind of Object.keys(counts) as Kind[])
      this.#totals.set(kind, this.total(kind) + sign * counts[kind]);
  }
}

/** Creates a function that merges counts into those of a key. */
const mergeWith =
  (merge: (known: number, added: number) => number) =>
  <Kind extends string>(byKey: Map<string, Counts<Kind>>, key: string, counts: Counts<Kind>) => {
    const known = byKey.get(key);
    const merged = { ...counts };
    for (const kind of Object.keys(counts) as Kind[])
      merged[kind] = merge(known?.[kind] ?? 0, counts[kind]);
    byKey.set(key, merged);
  };
const addTo = mergeWith((known, added) => known + added);
const raise = mergeWith(Math.max);
