import { onTestFinished, vi } from "vitest";

/**
 * Time that goes on only when a test says so: timers, `performance.now` and `Date.now`. What is asked of real servers meanwhile takes none
 * of it: `untilQuiet` resolves when nothing is under way there.
 */
export function simulateTime(untilQuiet: () => Promise<void>) {
  const startedAt = Date.now();
  let nowMs = 0;
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const spies = [
    vi.spyOn(performance, "now").mockImplementation(() => nowMs),
    vi.spyOn(Date, "now").mockImplementation(() => startedAt + nowMs),
  ];
  onTestFinished(() => {
    vi.useRealTimers();
    for (const spy of spies) spy.mockRestore();
  });
  return {
    now: () => nowMs,
    async pass(ms: number): Promise<void> {
      nowMs += ms;
      vi.advanceTimersByTime(ms);
      await untilQuiet();
    },
  };
}
