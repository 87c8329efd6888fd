import { performance } from "node:perf_hooks";
import type { Gates } from "../../ledger/gates.ts";
import { poll } from "../../lib/polling.ts";
import { CachedGate, type WatchedGate } from "./cached-gate.ts";

export interface GateCache {
  /** One of those that are always watched. */
  of(key: string): WatchedGate;
  /** Watches a gate, which is given a rate if one is named, from now until it is released. Resolves when what stands there is known. */
  watch(
    key: string,
    rate?: { perSecond: number; burst: number },
  ): Promise<{ gate: WatchedGate; release(): void }>;
  /** Looks what stands there. Rejects where the database cannot be reached. */
  refresh(): Promise<void>;
  /** Gives back what is set aside, and stops looking. */
  close(): Promise<void>;
}

/** Resolves at once, knowing nothing: `refresh` is to be awaited before anything is asked. */
export function createGateCache({
  gates,
  keys = [],
  refreshMs = 1_000,
  rests,
}: {
  gates: Gates;
  /** Those that are always watched. */
  keys?: readonly string[];
  /** How often it looks what stands there. */
  refreshMs?: number;
  /** Does this process send nothing? Then it need not look, but for `refresh` before it sends again. */
  rests?: () => boolean;
}): GateCache {
  const watched = new Map(keys.map((key) => [key, new CachedGate(gates, key)]));

  const refresh = async (): Promise<void> => {
    const all = [...watched];
    if (all.length === 0) return;
    await Promise.all(all.map(([, gate]) => gate.giveBack()));
    const learnt = all.map(([, gate]) => gate.learnt);
    const views = await gates.look(all.map(([key]) => key));
    const atMs = performance.now();
    for (const [index, [key, gate]] of all.entries()) {
      if (gate.learnt === learnt[index]) gate.learn(views.get(key) ?? null, atMs);
      void gate.write();
    }
  };

  /** Where nothing is watched, nothing is looked at. */
  let repeated = keys.length > 0 ? poll(refresh, refreshMs, rests) : undefined;
  const stopLooking = () => {
    repeated?.stop();
    repeated = undefined;
  };
  const release = (key: string, gate: CachedGate) => {
    gate.watchers -= 1;
    if (gate.watchers > 0 || keys.includes(key)) return;
    watched.delete(key);
    gate.giveBack(true).catch(() => {});
    if (watched.size === 0) stopLooking();
  };

  return {
    of(key) {
      const gate = watched.get(key);
      if (!gate) throw new Error(`not a gate that is watched: ${key}`);
      return gate;
    },
    async watch(key, rate) {
      if (rate) await gates.ensure({ key, ...rate });
      const gate = watched.get(key) ?? new CachedGate(gates, key);
      watched.set(key, gate);
      gate.watchers += 1;
      repeated ??= poll(refresh, refreshMs, rests);
      try {
        await gate.lookOnce();
      } catch (error) {
        release(key, gate);
        throw error;
      }
      return { gate, release: () => release(key, gate) };
    },
    refresh,
    async close() {
      stopLooking();
      await Promise.all(
        [...watched.values()].map((gate) => {
          gate.stop();
          return gate.giveBack(true).catch(() => {});
        }),
      );
    },
  };
}
