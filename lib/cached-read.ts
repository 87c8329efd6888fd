import { within } from "./timeout.ts";

/** What was read is good for at least so long, and for so many times what the reading took: it costs a twentieth of a connection at most. */
const rememberedMs = 5_000;
const rememberedTimes = 20;

/**
 * The last of what `read` found, read anew when that is too old: one at a time, whoever asks. Resolves with null where
 * nothing could be read within `patienceMs`; what comes later is there for the next one who asks.
 */
export function remember<Found>(
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
    goodUntil = now + Math.max(rememberedMs, (now - startedAt) * rememberedTimes);
  };

  return async () => {
    if (performance.now() >= goodUntil)
      await within(patienceMs, (underWay ??= refresh().finally(() => (underWay = null)))).catch(
        () => (known = null),
      );
    return known;
  };
}
