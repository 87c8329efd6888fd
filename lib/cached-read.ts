import { withTimeout } from "./timeout.ts";

/** A value is valid for at least this time, and for 19 times the duration of its reading, so that reading uses at most a twentieth of a connection. */
const cacheMs = 5_000;
const cacheTimes = 20;

/**
 * Caches the result of `read`, and reads again once it is too old; concurrent callers share one read. Resolves with null where the read takes
 * longer than `patienceMs` or fails; its result is then available to the next caller.
 */
export function cachedRead<Found>(
  read: () => Promise<Found>,
  patienceMs: number,
): () => Promise<Found | null> {
  let known: Found | null = null;
  let goodUntil = 0;
  let underWay: Promise<void> | null = null;

  const refresh = async () => {
    const startedAt = performance.now();
    known = await read().catch(() => null);
    const now = performance.now();
    goodUntil = now + Math.max(cacheMs, (now - startedAt) * cacheTimes);
  };

  return async () => {
    if (performance.now() >= goodUntil)
      await withTimeout(
        patienceMs,
        (underWay ??= refresh().finally(() => (underWay = null))),
      ).catch(() => (known = null));
    return known;
  };
}
