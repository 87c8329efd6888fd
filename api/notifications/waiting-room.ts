import { shareOf } from "../../domain/delivery/shares.ts";
import type { CountedByKey } from "../../ledger/waiting-counts.ts";

/** What a count costs decides how often there is one: it is not followed by the next before so many times what it took, or before this. */
const recountTimes = 10;
const recountMs = 150;

type Counts<Kind extends string> = Record<Kind, number>;

/** How much of one kind may wait. */
export interface Rule<Kind extends string> {
  kind: Kind;
  bound: number;
}

/** How much of a bound is left to a key. */
export interface Room {
  bound: number;
  /** What the key may have. */
  share: number;
  /** By how many deliveries what is wanted is too many: 0 where there is room. Null where that is not known without another count. */
  excess: number | null;
}

/** The deliveries of one notification among those that wait, from before it is written. */
interface Place<Kind extends string> {
  readonly key: string;
  /** As far as is known. */
  counts: Counts<Kind>;
  released: boolean;
  /** It was under way while the deliveries were counted, so that the count may hold it or not. */
  ambiguous: boolean;
}

/** What was found: a place, which must be released, whatever becomes of it; or why there is none. */
export type Found<Kind extends string> =
  | { refused: Room }
  | {
      refused: null;
      /** `written`: what was written; where that is not known, what would have been. */
      release: (written: Counts<Kind>) => void;
    };

/**
 * How many deliveries of one sort wait, of each API key: a count of the ledger's, and what this process has accepted, or is about to,
 * since. With one process it is never less than what waits; with several it may be, by what the others accept between a count and the
 * next.
 */
export class WaitingRoom<Kind extends string> {
  readonly #read: (byKey: boolean) => Promise<CountedByKey<Kind>>;
  readonly #maxAgeMs: number;
  #counted = new Map<string, Counts<Kind>>();
  #countedAt = -Infinity;
  #tookMs = 0;
  /** Whether the count says what each key has; whether the next one has to, since somebody may be past their share. */
  #isByKey = false;
  #wantsKeys = false;
  #counting: Promise<void> | null = null;
  /** What the count may have missed: places that were not released before it began. */
  readonly #uncounted = new Set<Place<Kind>>();
  /** The sums of both, of all keys. */
  #totals = new Map<Kind, number>();

  /**
   * @param maxAgeMs a count older than this is not gone by. One that is younger is renewed while it is gone by, unless what waits is
   *   far below the bound
   */
  constructor(read: (byKey: boolean) => Promise<CountedByKey<Kind>>, maxAgeMs: number) {
    this.#read = read;
    this.#maxAgeMs = maxAgeMs;
  }

  /** How many of a kind wait, of all keys. */
  total(kind: Kind): number {
    return this.#totals.get(kind) ?? 0;
  }

  /** How many of a kind wait, of each key. */
  #byKey(kind: Kind): Map<string, number> {
    const sums = new Map<string, number>();
    for (const [key, counts] of this.#counted) sums.set(key, counts[kind]);
    for (const { key, counts } of this.#uncounted)
      sums.set(key, (sums.get(key) ?? 0) + counts[kind]);
    return sums;
  }

  /** What is left to a key for so many more. */
  roomFor(key: string, size: number, { kind, bound }: Rule<Kind>): Room {
    const most = shareOf(bound, []);
    // Nobody can be past their share then, and nobody's has to be known.
    if (this.total(kind) + size <= most) return { bound, share: most, excess: 0 };
    this.#wantsKeys = true;
    if (!this.#isByKey) return { bound, share: most, excess: null };
    const byKey = this.#byKey(kind);
    const own = byKey.get(key) ?? 0;
    byKey.delete(key);
    const share = shareOf(bound, byKey.values());
    return { bound, share, excess: Math.max(0, own + size - share) };
  }

  /**
   * Looks for a place by any of `rules`, and takes it, with nothing in between. Refuses nothing over an old count, nor for a place that
   * the count may hold already.
   */
  async find(
    key: string,
    counts: Counts<Kind>,
    rules: readonly [Rule<Kind>, ...Rule<Kind>[]],
  ): Promise<Found<Kind>> {
    const [{ kind, bound }] = rules;
    if (this.#ageMs() > this.#goodForMs(this.#maxAgeMs)) await this.#shareRecount();
    else if (this.total(kind) > bound / 2) this.renew(recountMs);
    for (let looks = 0; ; looks++) {
      const rooms = rules.map((rule) => this.roomFor(key, counts[rule.kind], rule));
      if (rooms.some(({ excess }) => excess === 0)) return this.#take(key, counts);
      const isYoung = this.#ageMs() <= this.#goodForMs(recountMs) && !this.#isAmbiguous();
      if (looks === 3 || (isYoung && this.#isByKey)) return { refused: rooms[0]! };
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

  /** Has it counted again if the count is older than that, and waits for nothing. */
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
    const isByKey = this.#wantsKeys;
    this.#wantsKeys = false;
    const { byKey, isComplete } = await this.#read(isByKey);
    // A count that was cut off says that there are at least so many of each key, and so lowers nothing.
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

/** Merges counts into those of a key. */
const mergeWith =
  (merge: (one: number, other: number) => number) =>
  <Kind extends string>(of: Map<string, Counts<Kind>>, key: string, counts: Counts<Kind>) => {
    const known = of.get(key);
    const merged = { ...counts };
    for (const kind of Object.keys(counts) as Kind[])
      merged[kind] = merge(known?.[kind] ?? 0, counts[kind]);
    of.set(key, merged);
  };
const addTo = mergeWith((one, other) => one + other);
const raise = mergeWith(Math.max);
