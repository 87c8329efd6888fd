import { performance } from "node:perf_hooks";
import type { Gates } from "../../ledger/gates.ts";
import { poll } from "../../lib/polling.ts";
import { CachedGate, type WatchedGate } from "./cached-gate.ts";

export interface GateCache {
  /** One of the gates that are always watched. */
  of(key: string): WatchedGate;
  /** Watches a gate until it is released, and sets its rate if one is given. Resolves when the state of the gate is known. */
  watch(
    key: string,
    rate?: { perSecond: number; burst: number },
  ): Promise<{ gate: WatchedGate; release(): void }>;
  /** Reads the state of all watched gates. Rejects if the database cannot be reached. */
  refresh(): Promise<void>;
  /** Gives unused slots back, and stops refreshing. */
  close(): Promise<void>;
}

/** Returns at once, with no gate read. Await `refresh` before anything else. */
export function createGateCache({
  gates,
  keys = [],
  refreshMs = 1_000,
  rests,
}: {
  gates: Gates;
  /** The gates that are always watched. */
  keys?: readonly string[];
  /** How often the gates are read. */
  refreshMs?: number;
  /** True while this process sends nothing. It then skips refreshes, except for `refresh` before it sends again. */
  rests?: () => boolean;
}): GateCache {
  const watched = new Map(keys.map((key) => [key, new CachedGate(gates, key)]));

  const refresh = async (): Promise<void> => {
    const all = [...watched];
    if (all.length === 0) return;
    await Promise.all(all.map(([, gate]) => gate.giveBack()));
    const updates = all.map(([, gate]) => gate.updates);
    const views = await gates.look(all.map(([key]) => key));
    const atMs = performance.now();
    for (const [index, [key, gate]] of all.entries()) {
      if (gate.updates === updates[index]) gate.update(views.get(key) ?? null, atMs);
      void gate.write();
    }
  };

  /** While no gate is watched, none is read. */
  let refreshing = keys.length > 0 ? poll(refresh, refreshMs, rests) : undefined;
  const stopRefreshing = () => {
    refreshing?.stop();
    refreshing = undefined;
  };
  const release = (key: string, gate: CachedGate) => {
    gate.watchers -= 1;
    if (gate.watchers > 0 || keys.includes(key)) return;
    watched.delete(key);
    gate.giveBack(true).catch(() => {});
    if (watched.size === 0) stopRefreshing();
  };

  return {
    of(key) {
      const gate = watched.get(key);
      if (!gate) throw new Error(`this gate is not watched: ${key}`);
      return gate;
    },
    async watch(key, rate) {
      if (rate) await gates.ensure({ key, ...rate });
      const gate = watched.get(key) ?? new CachedGate(gates, key);
      watched.set(key, gate);
      gate.watchers += 1;
      refreshing ??= poll(refresh, refreshMs, rests);
      try {
        await gate.readOnce();
      } catch (error) {
        release(key, gate);
        throw error;
      }
      return { gate, release: () => release(key, gate) };
    },
    refresh,
    async close() {
      stopRefreshing();
      await Promise.all(
        [...watched.values()].map(async (gate) => {
          await gate.stop();
          await gate.giveBack(true).catch(() => {});
        }),
      );
    },
  };
}
