import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { Pool } from "pg";
import { publicId } from "../../domain/ids.ts";
import type { Role } from "../../domain/role.ts";
import type { Scope } from "../../domain/scope.ts";
import { createGatherer } from "../../lib/gathering.ts";

/** The caller of a request. */
export interface Caller {
  /** Public id of the key, `bootstrap` for the one of the configuration, or `recipient`: what stands in the audit trail and in logs. */
  id: string;
  /** The scope of rate limits and Idempotency-Keys: that id, or a recipient's. */
  scope: string;
  /** Null for a recipient, who has no role. */
  role: Role | null;
  /** What the key is narrowed to; null: nothing but its role. */
  scopes: readonly Scope[] | null;
  /** Null where the limit of the configuration holds. */
  requestsPerMinute: number | null;
}

/** How long a caller is cached: processes other than the one that revoked a key refuse it at the latest after so long. */
const cacheMs = 2_000;
const maxCached = 10_000;
/** Secrets that no key has are remembered apart, so that they push no caller out of the cache. */
const maxRefused = 1_000;
const lastUsedEveryMs = 60_000;
/** Secrets that are looked up by one statement. There is one such statement under way at most, whoever makes secrets up. */
const lookedUpTogether = 500;

const secretBytes = 32;
const prefixLength = 12;
const secretForm = /^tdg_[\w-]{43}$/;

/** Keys are random and long, so that a plain hash of one cannot be turned back. */
const hashSecret = (secret: string) => createHash("sha256").update(secret).digest();

/** A fresh secret, to be shown once; what is kept of it is its prefix and its hash. */
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

/** Finds the caller of a secret. There is one in an API process. */
export interface Keyring {
  /** Null for a secret that no key has, or that is no longer good. */
  findCaller(secret: string): Promise<Caller | null>;
  /** Empties the cache, for a key was changed. */
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
 * Callers are cached for `cacheMs`, so that most requests cost no look-up. Whether a key is good is decided by
 * a unique index over hashes, and for the configuration's key by a comparison in constant time: neither tells how much of
 * a secret was right.
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
  /** Until when a secret is refused without being looked up, the oldest first. */
  const refused = new Map<string, number>();
  const usedAt = new Map<string, number>();

  function recordUse(id: string, now: Date): void {
    if (now.getTime() - (usedAt.get(id) ?? 0) < lastUsedEveryMs) return;
    usedAt.set(id, now.getTime());
    // A use that could not be noted is no reason to refuse it.
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
    most: lookedUpTogether,
    atOnce: 1,
  });

  function keepOut(name: string, until: number): null {
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
        return keepOut(name, until);
      }
      recordUse(row.id, now);
      const { role, scopes, requestsPerMinute } = row;
      const id = publicId("apiKey", row.id);
      const narrowed = scopes.length > 0 ? scopes : null;
      const caller: Caller = { id, scope: id, role, scopes: narrowed, requestsPerMinute };
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
