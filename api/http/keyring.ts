import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { publicId } from "../../domain/ids.ts";
import type { Role } from "../../domain/role.ts";
import type { PrismaClient } from "../../prisma/generated/client.ts";

/** The caller of a request. */
export interface Caller {
  /** Public id of the key, `bootstrap` for the one of the configuration, or `recipient`: what stands in the audit trail and in logs. */
  id: string;
  /** The scope of rate limits and Idempotency-Keys: that id, or a recipient's. */
  scope: string;
  /** Null for a recipient, who has no role. */
  role: Role | null;
  /** Null where the limit of the configuration holds. */
  requestsPerMinute: number | null;
}

/** How long a caller is cached: processes other than the one that revoked a key refuse it at the latest after so long. */
const cacheMs = 2_000;
const maxCached = 10_000;
const lastUsedEveryMs = 60_000;

const secretBytes = 32;
const prefixLength = 12;

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
  caller: Caller | null;
  until: number;
}

/** Finds the caller of a secret. There is one in an API process. */
export interface Keyring {
  /** Null for a secret that no key has, or that is no longer good. */
  findCaller(secret: string): Promise<Caller | null>;
  /** Empties the cache, for a key was changed. */
  clear(): void;
}

/**
 * Callers are cached for `cacheMs`, so that most requests cost no look-up. Whether a key is good is decided by
 * a unique index over hashes, and for the configuration's key by a comparison in constant time: neither tells how much of
 * a secret was right.
 */
export function createKeyring({
  prisma,
  bootstrapKey,
  clock,
}: {
  prisma: Pick<PrismaClient, "apiKey">;
  bootstrapKey: string;
  clock: () => Date;
}): Keyring {
  const bootstrapHash = hashSecret(bootstrapKey);
  const cache = new Map<string, CachedCaller>();
  const usedAt = new Map<string, number>();

  function recordUse(id: string, now: Date): void {
    if (now.getTime() - (usedAt.get(id) ?? 0) < lastUsedEveryMs) return;
    usedAt.set(id, now.getTime());
    // A use that could not be noted is no reason to refuse it.
    prisma.apiKey.updateMany({ where: { id }, data: { lastUsedAt: now } }).catch(() => {
      usedAt.delete(id);
    });
  }

  async function readCaller(hash: Buffer, now: Date): Promise<Caller | null> {
    const bytes = new Uint8Array(hash);
    const key = await prisma.apiKey.findFirst({
      where: {
        revokedAt: null,
        AND: [
          { OR: [{ expiresAt: null }, { expiresAt: { gt: now } }] },
          { OR: [{ hash: bytes }, { previousHash: bytes, previousUntil: { gt: now } }] },
        ],
      },
    });
    if (!key) return null;
    recordUse(key.id, now);
    const { role, requestsPerMinute } = key;
    const id = publicId("apiKey", key.id);
    return { id, scope: id, role, requestsPerMinute };
  }

  return {
    async findCaller(secret) {
      const hash = hashSecret(secret);
      if (timingSafeEqual(hash, bootstrapHash))
        return { id: "bootstrap", scope: "bootstrap", role: "admin", requestsPerMinute: null };
      const name = hash.toString("base64");
      const now = clock();
      const cached = cache.get(name);
      if (cached && cached.until > now.getTime()) return cached.caller;
      const caller = await readCaller(hash, now);
      if (cache.size >= maxCached) cache.clear();
      cache.set(name, { caller, until: now.getTime() + cacheMs });
      return caller;
    },
    clear: () => cache.clear(),
  };
}
