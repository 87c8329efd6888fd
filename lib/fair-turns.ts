/** The limits of running and waiting work. */
export interface TurnLimits {
  /** The maximum of running work. */
  atOnce: number;
  /** The maximum of running work of one owner. */
  perOwner: number;
  /** The maximum of waiting work. One owner may have half of it. */
  waiting: number;
  /** The time in milliseconds after which waiting work is refused. */
  waitMs: number;
}

/** Why work was refused: its owner has too much waiting, all owners together have, or it waited too long. */
export type Refusal = "owner" | "all" | "late";

export class NoTurn extends Error {
  override name = "NoTurn";
  readonly why: Refusal;
  /** An estimate of when new work may get a turn soon, from the duration of recent work. */
  readonly retryAfterMs: number;

  constructor(why: Refusal, retryAfterMs: number) {
    super(`there was no turn: ${why}`);
    this.why = why;
    this.retryAfterMs = retryAfterMs;
  }
}

export interface FairTurns {
  /**
   * Resolves when it is the work's turn, with a function that ends the turn. If the signal of `left` is aborted, the work stops waiting.
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

/** The weight of the latest work in the moving average of durations. */
const latestShare = 0.1;

/**
 * Gives turns to work of several owners: in the order of arrival for each owner, and alternating between owners, so that an owner with much
 * work does not delay one with little.
 */
export function createFairTurns({
  atOnce,
  perOwner,
  waiting: most,
  waitMs,
}: TurnLimits): FairTurns {
  /** The owners with running or waiting work. The first is the one whose last turn is the longest ago. */
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
      // Beginning changes the order of the owners, so the next call starts from the front.
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
