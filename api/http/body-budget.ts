import { Problem } from "./problem.ts";

/** The share of one request in the memory for bodies. */
export interface BodyShare {
  /**
   * Reserves memory for bytes of the body.
   * @throws Problem if there is no room, and no other body can be given up
   */
  add(bytes: number): void;
  /** To be called when the body has arrived. It is not given up from then on. */
  arrived(): void;
  /** Frees the memory. To be called when the request is over. */
  release(): void;
}

interface Holder {
  bytes: number;
  /** Gives the body up; null once it has arrived. */
  giveUp: ((problem: Problem) => void) | null;
}

/**
 * Bounds the bytes of bodies that are in memory at once. A body counts from when its length is announced, or otherwise from when its
 * bytes arrive, until the end of its request. If there is no room, the budget gives up the oldest unfinished body of the owner with
 * the most bytes: an honest body arrives quickly, and one that is held back to fill the memory never does.
 */
export function createBodyBudget(maxBytes: number) {
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

  /** Gives up one body to make room. Returns false if none can be given up. */
  function displace(): boolean {
    const largest = [...owners].sort(([, a], [, b]) => sizeOf(b) - sizeOf(a));
    for (const [name, holders] of largest)
      for (const holder of holders)
        if (holder.giveUp) {
          remove(name, holder);
          holder.giveUp(createOverload());
          return true;
        }
    return false;
  }

  return {
    /** Begins a share of the owner `name`. The budget calls `giveUp` with a problem if it gives the body up. */
    begin(name: string, giveUp: (problem: Problem) => void): BodyShare {
      const holder: Holder = { bytes: 0, giveUp };
      const holders = owners.get(name) ?? new Set();
      owners.set(name, holders.add(holder));
      return {
        add(bytes) {
          while (held + bytes > maxBytes && held > 0) if (!displace()) throw createOverload();
          if (!owners.get(name)?.has(holder)) throw createOverload();
          holder.bytes += bytes;
          held += bytes;
        },
        arrived: () => (holder.giveUp = null),
        release: () => remove(name, holder),
      };
    },
  };
}

/** Makes the problem of a body without room. It closes the connection, because the rest of the body is not read. */
const createOverload = () =>
  new Problem(
    "overloaded",
    "Too many large requests are being received at once. Send the request again later.",
    { headers: { Connection: "close", "Retry-After": "1" } },
  );

export type BodyBudget = ReturnType<typeof createBodyBudget>;
