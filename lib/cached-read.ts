import { withTimeout } from "./timeout.ts";

/** A value is good for at least so long, and for so many times what reading it took, so that it costs a twentieth of a connection at most. */
const cacheMs = 5_000;
const cacheTimes = 20;

/**
 * Caches what `read` finds, and reads it again once that is too old, for all callers together. Resolves with null where
 * nothing could be read within `patienceMs`; what is read later is there for the next caller.
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
