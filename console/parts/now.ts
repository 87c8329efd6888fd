import { useSyncExternalStore } from "react";

/** How often what is relative to now is written again. */
const tickMs = 10_000;

let now = new Date();
let ticking: ReturnType<typeof setInterval> | undefined;
const listeners = new Set<() => void>();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  ticking ??= setInterval(() => {
    now = new Date();
    for (const each of listeners) each();
  }, tickMs);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(ticking);
    ticking = undefined;
  };
}

/** The present time, which all that is shown at once has in common, and which moves on every ten seconds. */
export const useNow = () => useSyncExternalStore(subscribe, () => now);
