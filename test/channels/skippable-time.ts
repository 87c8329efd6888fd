import { onTestFinished, vi } from "vitest";

/**
 * The deadlines of a channel go by `performance.now`, which a test moves on with `skip`: so they pass when the test says so,
 * and never because the machine is slow.
 */
export function skippableTime(): { skip(ms: number): void } {
  const now = performance.now.bind(performance);
  let skippedMs = 0;
  const spy = vi.spyOn(performance, "now").mockImplementation(() => now() + skippedMs);
  onTestFinished(() => spy.mockRestore());
  return { skip: (ms) => void (skippedMs += ms) };
}
