/** How much may be under way at once, and how much may wait for that. */
export interface TurnLimits {
  /** Pieces of work under way. */
  atOnce: number;
  /** Of these, so many of one owner. */
  perOwner: number;
  /** Pieces of work that wait, of which one owner may have half. */
  waiting: number;
  /** Work that had no turn within so many milliseconds is given up. */
  waitMs: number;
}

/** Why work was not begun: its owner has too much waiting, everybody has, or its time to wait is over. */
export type Refusal = "owner" | "all" | "late";

export class NoTurn extends Error {
  override name = "NoTurn";
  readonly why: Refusal;
  /** When work that comes then may expect a turn soon: a guess from how long work took of late. */
  readonly retryAfterMs: number;

  constructor(why: Refusal, retryAfterMs: number) {
    super(`there was no turn: ${why}`);
    this.why = why;
    this.retryAfterMs = retryAfterMs;
  }
}

export interface FairTurns {
  /**
   * Resolves when it is the work's turn, with what ends it. Whoever goes away (`left`) does not wait any longer.
   * @throws NoTurn
   */
  take(owner: string, left?: () => AbortSignal): Promise<() => void>;
  readonly underWay: number;
  readonly waiting: number;
}

interface Waiting {
  begin: () => void;
}

interface Owner {
  underWay: number;
  waiting: Set<Waiting>;
}

/** What the latest work weighs in the mean of how long work takes. */
const latestShare = 0.1;

/**
 * Gives turns to work of several owners: in the order in which it came for each of them, and by turns between them, so that who
 * has much to do makes nobody wait who has little.
 */
export function createFairTurns({
  atOnce,
  perOwner,
  waiting: most,
  waitMs,
}: TurnLimits): FairTurns {
  /** Those of whom something is under way or waits: who came, or had a turn, longest ago is first. */
  const owners = new Map<string, Owner>();
  let underWay = 0;
  let waiting = 0;
  let meanMs = 0;

  const retryAfterMs = () => ((waiting + 1) / atOnce) * meanMs;

  function begin(name: string, owner: Owner): () => void {
    underWay += 1;
    owner.underWay += 1;
    owners.delete(name);
    owners.set(name, owner);
    const begunAt = performance.now();
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      underWay -= 1;
      owner.underWay -= 1;
      meanMs += (performance.now() - begunAt - meanMs) * latestShare;
      forget(name, owner);
      beginNext();
    };
  }

  function forget(name: string, owner: Owner): void {
    if (owner.underWay === 0 && owner.waiting.size === 0) owners.delete(name);
  }

  function beginNext(): void {
    for (const {
      underWay: mine,
      waiting: [next],
    } of owners.values()) {
      if (underWay >= atOnce) return;
      // To begin changes the order of the owners, so this goes on from the front in the next call.
      if (next && mine < perOwner) return next.begin();
    }
  }

  function wait(name: string, owner: Owner, left?: () => AbortSignal): Promise<() => void> {
    return new Promise((resolve, reject) => {
      const signal = left?.();
      const settle = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", giveUp);
        owner.waiting.delete(entry);
        waiting -= 1;
      };
      const giveUp = () => {
        settle();
        forget(name, owner);
        reject(new NoTurn("late", retryAfterMs()));
      };
      const entry: Waiting = {
        begin: () => {
          settle();
          resolve(begin(name, owner));
          beginNext();
        },
      };
      const timer = setTimeout(giveUp, waitMs);
      owner.waiting.add(entry);
      waiting += 1;
      if (signal?.aborted) giveUp();
      else signal?.addEventListener("abort", giveUp);
    });
  }

  return {
    get underWay() {
      return underWay;
    },
    get waiting() {
      return waiting;
    },
    async take(name, left) {
      const owner = owners.get(name) ?? { underWay: 0, waiting: new Set() };
      if (underWay < atOnce && owner.underWay < perOwner && owner.waiting.size === 0)
        return begin(name, owner);
      if (owner.waiting.size >= Math.ceil(most / 2)) throw new NoTurn("owner", retryAfterMs());
      if (waiting >= most) throw new NoTurn("all", retryAfterMs());
      if (!owners.has(name)) owners.set(name, owner);
      return wait(name, owner, left);
    },
  };
}
