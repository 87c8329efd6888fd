import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { Pool } from "pg";
import { publicId } from "../../domain/ids.ts";
import type { Role } from "../../domain/role.ts";
import type { Scope } from "../../domain/scope.ts";
import { createUseRecorder } from "./last-use.ts";
import { createSecretCache } from "./secret-cache.ts";

/** The caller of a request. */
export interface Caller {
  /** The id in the audit trail and in logs: the public id of the key or the operator, `bootstrap` for the configured key, or `recipient`. */
  id: string;
  /** The scope of rate limits and Idempotency-Keys: the public id of the key, the operator or the recipient. */
  scope: string;
  /** Null for a recipient, who has no role. */
  role: Role | null;
  /** The scopes that the key is limited to; null if only its role limits it. */
  scopes: readonly Scope[] | null;
  /** Null if the configured limit applies. */
  requestsPerMinute: number | null;
}

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
 * Creates a keyring. It caches callers, so that most requests need no look-up. A unique index over hashes finds the key of a secret, and
 * the configured key is compared in constant time: neither reveals how much of a secret is right.
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
  const recordUse = createUseRecorder(pool, "key");
  const keys = createSecretCache({ read: readCallers, clock });

  async function readCallers(hashes: Buffer[]): Promise<Map<string, Caller>> {
    const now = clock();
    const { rows } = await pool.query<KeyRow>({
      name: "find-keys",
      text: findSql,
      values: [hashes, now],
    });
    for (const { id } of rows) recordUse(id, now);
    return new Map(rows.map(({ name, id, ...row }) => [name, callerOfKey({ id, ...row })]));
  }

  return {
    async findCaller(secret) {
      const hash = hashSecret(secret);
      if (timingSafeEqual(hash, bootstrapHash)) return bootstrapCaller;
      return secretForm.test(secret) ? keys.find(hash) : null;
    },
    clear: () => keys.clear(),
  };
}

/** The caller that a key stands for. */
export function callerOfKey({
  id: uuid,
  role,
  scopes,
  requestsPerMinute,
}: Omit<KeyRow, "name">): Caller {
  const id = publicId("apiKey", uuid);
  const limitedTo = scopes.length > 0 ? scopes : null;
  return { id, scope: id, role, scopes: limitedTo, requestsPerMinute };
}

export const bootstrapCaller: Caller = {
  id: "bootstrap",
  scope: "bootstrap",
  role: "admin",
  scopes: null,
  requestsPerMinute: null,
};
