import { createHash, createHmac, randomBytes } from "node:crypto";
import type { Context } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import type { Pool } from "pg";
import { dayMs, hourMs } from "../../domain/time/durations.ts";
import { publicId } from "../../domain/ids.ts";
import type { Role } from "../../domain/role.ts";
import type { Scope } from "../../domain/scope.ts";
import { bootstrapCaller, type Caller, callerOfKey } from "./keyring.ts";
import { createUseRecorder } from "./last-use.ts";
import { createSecretCache } from "./secret-cache.ts";

/** A session ends when it has not been used for this long, and at the latest `sessionMs` after it began. */
export const idleMs = 12 * hourMs;
export const sessionMs = 7 * dayMs;
/** Operators prove more often that they are still in their groups. */
export const operatorSessionMs = dayMs;

/** The cookie's name is `__Host-tidings`: browsers accept such a cookie only with Secure, Path=/ and without a domain. */
const cookieName = "tidings";
const cookieTerms = {
  prefix: "host",
  path: "/",
  secure: true,
  httpOnly: true,
  sameSite: "Lax",
} as const;

/** A session that is in force. */
export interface Session {
  /** The UUID. */
  id: string;
  /** The key or the operator that signed in acts: with its id, its role and its scopes. */
  caller: Caller;
  /** The name of the key or of the operator. */
  name: string;
  /** When the session ends even if it is used. */
  expiresAt: Date;
  /** When the person last proved who they are; null if it is not known. */
  provenAt: Date | null;
}

/** Finds the sessions of cookies. An API process has one. */
export interface Sessions {
  /** Finds the session of a cookie's secret; null if there is none, or if it or its key has ended. Records that it is used. */
  find(secret: string): Promise<Session | null>;
  /** Whether a cookie's secret has a session in force. It does not count as use. */
  isInForce(secret: string): Promise<boolean>;
  /** The hash under which the session or the sign-in code of a secret is stored. */
  hashOf(secret: string): Buffer;
  /** Empties the cache. To be called after a session or a key has been changed. */
  clear(): void;
}

/**
 * Makes the secret of a cookie or of a sign-in code: 256 random bits. The secrets of the bootstrap key have a mark of their own, by which
 * their hash is chosen.
 */
export function newSessionSecret({ isBootstrap }: { isBootstrap: boolean }): string {
  return `${isBootstrap ? "b" : "k"}.${randomBytes(32).toString("base64url")}`;
}

const secretForm = /^[bk]\.[\w-]{43}$/;

/** Whether a text has the form of a secret of a cookie or a code. */
export const isSessionSecret = (text: string): boolean => secretForm.test(text);

interface SessionRow {
  /** The hash that was looked for, in base64. */
  hash: string;
  id: string;
  expiresAt: Date;
  provenAt: Date | null;
  keyId: string | null;
  operatorId: string | null;
  /** That of the key or of the operator; null for the bootstrap key. */
  name: string | null;
  role: Role;
  scopes: Scope[];
  requestsPerMinute: number | null;
}

const findSql = `
  SELECT encode(h.hash, 'base64') AS hash, s.id, s.expires_at AS "expiresAt", s.proven_at AS "provenAt", s.key_id AS "keyId", s.operator_id AS "operatorId",
    coalesce(k.name, o.name) AS name, coalesce(k.role, s.role) AS role, k.scopes, k.requests_per_minute AS "requestsPerMinute"
  FROM unnest($1::bytea[]) AS h(hash) JOIN sessions s ON s.hash = h.hash
    LEFT JOIN api_keys k ON k.id = s.key_id LEFT JOIN operators o ON o.id = s.operator_id
  WHERE s.expires_at > $2 AND s.last_used_at > $3
    AND (s.key_id IS NULL OR (k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > $2)))`;

/**
 * Creates the look-up of sessions. It caches them as the keyring caches keys, so that each process refuses an ended session, and a session of an
 * ended key, within two seconds.
 */
export function createSessions({
  pool,
  bootstrapKey,
  clock,
}: {
  pool: Pick<Pool, "query">;
  bootstrapKey: string;
  clock: () => Date;
}): Sessions {
  const recordUse = createUseRecorder(pool, "session");
  const sessions = createSecretCache({ read: readSessions, clock });

  async function readSessions(hashes: Buffer[]): Promise<Map<string, Session>> {
    const now = clock();
    const { rows } = await pool.query<SessionRow>({
      name: "find-sessions",
      text: findSql,
      values: [hashes, now, new Date(now.getTime() - idleMs)],
    });
    return new Map(rows.map((row) => [row.hash, sessionOf(row)]));
  }

  /** Sessions of the bootstrap key are stored under a hash that only this key makes: with another one they are not found. */
  function hashOf(secret: string): Buffer {
    const hash = secret.startsWith("b.")
      ? createHmac("sha256", bootstrapKey)
      : createHash("sha256");
    return hash.update(secret).digest();
  }

  const look = async (secret: string): Promise<Session | null> =>
    isSessionSecret(secret) ? sessions.find(hashOf(secret)) : null;

  return {
    async find(secret) {
      const session = await look(secret);
      if (session) recordUse(session.id, clock());
      return session;
    },
    isInForce: async (secret) => (await look(secret)) !== null,
    hashOf,
    clear: () => sessions.clear(),
  };
}

function sessionOf(row: SessionRow): Session {
  const { id, expiresAt, provenAt, keyId, operatorId, name, ...rights } = row;
  const session = { id, expiresAt, provenAt };
  if (keyId !== null)
    return { ...session, caller: callerOfKey({ id: keyId, ...rights }), name: name! };
  if (operatorId !== null)
    return { ...session, caller: callerOfOperator(operatorId, rights.role), name: name! };
  return { ...session, caller: bootstrapCaller, name: bootstrapName };
}

/** The caller whom an operator is, by their UUID. */
export function callerOfOperator(uuid: string, role: Role): Caller {
  const id = publicId("operator", uuid);
  return { id, scope: id, role, scopes: null, requestsPerMinute: null };
}

/** The name under which sessions of the bootstrap key are shown. */
export const bootstrapName = "First API key";

/** Reads the secret in the cookie of a request; undefined if it has none. */
export const readSessionCookie = (c: Context): string | undefined =>
  getCookie(c, cookieName, "host");

export function setSessionCookie(c: Context, secret: string): void {
  setCookie(c, cookieName, secret, { ...cookieTerms, maxAge: sessionMs / 1_000 });
}

export function removeSessionCookie(c: Context): void {
  deleteCookie(c, cookieName, cookieTerms);
}
