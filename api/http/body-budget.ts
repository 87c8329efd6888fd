import { Problem } from "./problem.ts";

/** The part of the memory for bodies that one request takes. */
export interface BodyShare {
  /** The body has arrived: it does not give way any more. */
  arrived(): void;
  /** The request is over. */
  release(): void;
}

interface Holder {
  bytes: number;
  /** Null once the body has arrived. */
  giveWay: (() => void) | null;
}

/**
 * Bounds the bytes of bodies that are held at once, from when they are announced to the end of their requests. Where there is no room,
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
          holder.giveWay();
          return true;
        }
    return false;
  }

  return {
    /** @throws Problem where there is no room, and nobody gives way */
    take(name: string, bytes: number, giveWay: () => void): BodyShare {
      while (held + bytes > mostBytes && held > 0)
        if (!displace())
          throw new Problem("overloaded", "Too much is being sent at once.", {
            headers: { "Retry-After": "1" },
          });
      const holder: Holder = { bytes, giveWay };
      const holders = owners.get(name) ?? new Set();
      owners.set(name, holders.add(holder));
      held += bytes;
      return {
        arrived: () => (holder.giveWay = null),
        release: () => remove(name, holder),
      };
    },
  };
}

export type BodyBudget = ReturnType<typeof createBodyBudget>;
