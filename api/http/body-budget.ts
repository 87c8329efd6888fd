import { Problem } from "./problem.ts";

/** The part of the memory for bodies that one request takes. */
export interface BodyShare {
  /**
   * Makes room for bytes of the body.
   * @throws Problem where there is none, and nobody gives way
   */
  add(bytes: number): void;
  /** The body has arrived: it does not give way any more. */
  arrived(): void;
  /** The request is over. */
  release(): void;
}

interface Holder {
  bytes: number;
  /** Null once the body has arrived. */
  giveWay: ((problem: Problem) => void) | null;
}

/**
 * Bounds the bytes of bodies that are held at once, from when they are announced, or else arrive, to the end of their requests. Where there is no room,
 * of the owner who holds most the body that has been arriving longest gives way: a body that is honestly sent takes no time, and one
 * that is held back to fill the memory takes for ever.
 */
export function createBodyBudget(mostBytes: number) {
  const owners = new Map<string, Set<Holder>>();
  let held = 0;

  function remove(name: string, holder: Holder): void {
    const holders = owners.get(name);
    if (!holders?.delete(holder)) return;
    held -= holder.bytes;
    if (holders.size === 0) owners.delete(name);
  }

  const sizeOf = (holders: ReadonlySet<Holder>) => {
    let sum = 0;
    for (const { bytes } of holders) sum += bytes;
    return sum;
  };

  /** Makes room, if anybody can give way. */
  function displace(): boolean {
    const largest = [...owners].sort(([, a], [, b]) => sizeOf(b) - sizeOf(a));
    for (const [name, holders] of largest)
      for (const holder of holders)
        if (holder.giveWay) {
          remove(name, holder);
          holder.giveWay(tooMuch());
          return true;
        }
    return false;
  }

  return {
    /** Begins a share of `name`; `giveWay` gives its body up. */
    begin(name: string, giveWay: (problem: Problem) => void): BodyShare {
      const holder: Holder = { bytes: 0, giveWay };
      const holders = owners.get(name) ?? new Set();
      owners.set(name, holders.add(holder));
      return {
        add(bytes) {
          while (held + bytes > mostBytes && held > 0) if (!displace()) throw tooMuch();
          if (!owners.get(name)?.has(holder)) throw tooMuch();
          holder.bytes += bytes;
          held += bytes;
        },
        arrived: () => (holder.giveWay = null),
        release: () => remove(name, holder),
      };
    },
  };
}

/** The rest of the body will not be read. */
const tooMuch = () =>
  new Problem("overloaded", "Too much is being sent at once.", {
    headers: { Connection: "close", "Retry-After": "1" },
  });

export type BodyBudget = ReturnType<typeof createBodyBudget>;
