import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { Pool } from "pg";
import { publicId } from "../../domain/ids.ts";
import type { Role } from "../../domain/role.ts";
import type { Scope } from "../../domain/scope.ts";
import { createGatherer } from "../../lib/gathering.ts";

/** The caller of a request. */
export interface Caller {
  /** The id in the audit trail and in logs: the public id of the key, `bootstrap` for the configured key, or `recipient`. */
  id: string;
  /** The scope of rate limits and Idempotency-Keys: the id of the key, or the public id of the recipient. */
  scope: string;
  /** Null for a recipient, who has no role. */
  role: Role | null;
  /** The scopes that the key is limited to; null if only its role limits it. */
  scopes: readonly Scope[] | null;
  /** Null if the configured limit applies. */
  requestsPerMinute: number | null;
}

/** How long a caller is cached. This is also how long other processes may accept a key that has been revoked. */
const cacheMs = 2_000;
const maxCached = 10_000;
/** Unknown secrets that are cached. They have a cache of their own, so that they displace no caller. */
const maxRefused = 1_000;
const lastUsedEveryMs = 60_000;
/** Secrets that one statement looks up. Only one such statement runs at a time, so that invented secrets cannot occupy the database. */
const lookupBatchSize = 500;

const secretBytes = 32;
const prefixLength = 12;
const secretForm = /^tdg_[\w-]{43}$/;

/** Hashes a secret. Secrets are long and random, so that a plain hash cannot be reversed. */
const hashSecret = (secret: string) => createHash("sha256").update(secret).digest();

/** Makes a new secret, which is shown only once. Its prefix and its hash are stored. */
export function newSecret(): { secret: string; prefix: string; hash: Uint8Array<ArrayBuffer> } {
  const secret = `tdg_${randomBytes(secretBytes).toString("base64url")}`;
  return {
    secret,
    prefix: secret.slice(0, prefixLength),
    hash: new Uint8Array(hashSecret(secret)),
  };
}

interface CachedCaller {
  caller: Caller;
  until: number;
}

/** Finds the callers of secrets. An API process has one keyring. */
export interface Keyring {
  /** Finds the caller of a secret; null if no key has it, or the key has expired or been revoked. */
  findCaller(secret: string): Promise<Caller | null>;
  /** Empties the cache. To be called after a key has been changed. */
  clear(): void;
}

interface KeyRow {
  /** The hash that was looked for, in base64. */
  name: string;
  id: string;
  role: Role;
  scopes: Scope[];
  requestsPerMinute: number | null;
}

const findSql = `
  SELECT encode(h.hash, 'base64') AS name, k.id, k.role, k.scopes, k.requests_per_minute AS "requestsPerMinute"
  FROM unnest($1::bytea[]) AS h(hash) JOIN api_keys k ON k.hash = h.hash OR (k.previous_hash = h.hash AND k.previous_until > $2)
  WHERE k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > $2)`;

/**
 * Creates a keyring. It caches callers for `cacheMs`, so that most requests need no look-up. A unique index over hashes finds the key of
 * a secret, and the configured key is compared in constant time: neither reveals how much of a secret is right.
 */
export function createKeyring({
  pool,
  bootstrapKey,
  clock,
}: {
  pool: Pick<Pool, "query">;
  bootstrapKey: string;
  clock: () => Date;
}): Keyring {
  const bootstrapHash = hashSecret(bootstrapKey);
  const cache = new Map<string, CachedCaller>();
  /** Until when an unknown secret is refused without a look-up, by its hash, the oldest first. */
  const refused = new Map<string, number>();
  const usedAt = new Map<string, number>();

  function recordUse(id: string, now: Date): void {
    if (now.getTime() - (usedAt.get(id) ?? 0) < lastUsedEveryMs) return;
    usedAt.set(id, now.getTime());
    // A request is not refused because its use of the key could not be recorded.
    pool
      .query({
        name: "note-key-use",
        text: "UPDATE api_keys SET last_used_at = $2 WHERE id = $1",
        values: [id, now],
      })
      .catch(() => {
        usedAt.delete(id);
      });
  }

  async function readKeys(names: readonly string[]): Promise<(KeyRow | null)[]> {
    const hashes = names.map((name) => Buffer.from(name, "base64"));
    const { rows } = await pool.query<KeyRow>({
      name: "find-keys",
      text: findSql,
      values: [hashes, clock()],
    });
    return names.map((name) => rows.find((row) => row.name === name) ?? null);
  }
  const findKey = createGatherer<string, KeyRow | null>({
    doTogether: readKeys,
    doApart: async (name) => (await readKeys([name]))[0]!,
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
    async findCaller(secret) {
      const hash = hashSecret(secret);
      if (timingSafeEqual(hash, bootstrapHash)) return bootstrapCaller;
      if (!secretForm.test(secret)) return null;
      const name = hash.toString("base64");
      const now = clock();
      const cached = cache.get(name);
      if (cached && cached.until > now.getTime()) return cached.caller;
      if ((refused.get(name) ?? 0) > now.getTime()) return null;
      const row = await findKey(name);
      const until = now.getTime() + cacheMs;
      if (!row) {
        cache.delete(name);
        return cacheRefusal(name, until);
      }
      recordUse(row.id, now);
      const { role, scopes, requestsPerMinute } = row;
      const id = publicId("apiKey", row.id);
      const limitedTo = scopes.length > 0 ? scopes : null;
      const caller: Caller = { id, scope: id, role, scopes: limitedTo, requestsPerMinute };
      if (cache.size >= maxCached) cache.clear();
      cache.set(name, { caller, until });
      return caller;
    },
    clear: () => {
      cache.clear();
      refused.clear();
    },
  };
}

const bootstrapCaller: Caller = {
  id: "bootstrap",
  scope: "bootstrap",
  role: "admin",
  scopes: null,
  requestsPerMinute: null,
};
