import { createGatherer } from "../../lib/gathering.ts";

/** How long a result is cached. This is also how long other processes may accept a secret that has been revoked. */
const cacheMs = 2_000;
const maxCached = 10_000;
/** Unknown secrets that are cached. They have a cache of their own, so that they displace no known ones. */
const maxRefused = 1_000;
/** Secrets that one statement looks up. Only one such statement runs at a time, so that invented secrets cannot occupy the database. */
const lookupBatchSize = 500;

/** Finds what secrets stand for, by their hashes. */
export interface SecretCache<Found> {
  /** Resolves with what the secret with this hash stands for; null if there is no such secret, or it is no longer valid. */
  find(hash: Buffer): Promise<Found | null>;
  /** Empties the cache. To be called after a secret has been changed. */
  clear(): void;
}

/**
 * Creates a cache in front of `read`, which looks up several hashes with one statement and resolves with what is found, by the hash in
 * base64. A result, also that of an unknown secret, is used for two seconds, so that most requests need no look-up.
 */
export function createSecretCache<Found>({
  read,
  clock,
}: {
  read: (hashes: Buffer[]) => Promise<ReadonlyMap<string, Found>>;
  clock: () => Date;
}): SecretCache<Found> {
  const cache = new Map<string, { found: Found; until: number }>();
  /** Until when an unknown secret is refused without a look-up, by its hash, the oldest first. */
  const refused = new Map<string, number>();

  async function readAll(names: readonly string[]): Promise<(Found | null)[]> {
    const found = await read(names.map((name) => Buffer.from(name, "base64")));
    return names.map((name) => found.get(name) ?? null);
  }
  const look = createGatherer<string, Found | null>({
    doTogether: readAll,
    doApart: async (name) => (await readAll([name]))[0]!,
    isOneItemsFault: () => false,
    most: lookupBatchSize,
    atOnce: 1,
  });

  function cacheRefusal(name: string, until: number): null {
    refused.delete(name);
    refused.set(name, until);
    if (refused.size > maxRefused) refused.delete(refused.keys().next().value!);
    return null;
  }

  return {
    async find(hash) {
      const name = hash.toString("base64");
      const now = clock().getTime();
      const cached = cache.get(name);
      if (cached && cached.until > now) return cached.found;
      if ((refused.get(name) ?? 0) > now) return null;
      const found = await look(name);
      const until = now + cacheMs;
      if (!found) {
        cache.delete(name);
        return cacheRefusal(name, until);
      }
      if (cache.size >= maxCached) cache.clear();
      cache.set(name, { found, until });
      return found;
    },
    clear: () => {
      cache.clear();
      refused.clear();
    },
  };
}
