import { setImmediate } from "node:timers/promises";

/** How long computations occupy the event loop at most, unless a single step takes longer. */
const sliceMs = 10;

/** Makes a function to call between the steps of a long computation. It lets other work of the event loop proceed once a slice is used up. */
export function createYield() {
  let since = performance.now();
  return async (): Promise<void> => {
    if (performance.now() - since < sliceMs) return;
    await setImmediate();
    since = performance.now();
  };
}
