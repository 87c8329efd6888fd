import type { Context } from "hono";
import type { PoolClient } from "pg";
import { newUuid, parsePublicId, publicId } from "../../domain/ids.ts";
import { inTransaction } from "../../ledger/transaction.ts";
import type { Prisma } from "../../prisma/generated/client.ts";
import { recordChangesOver } from "../http/audit.ts";
import { unauthorized } from "../http/auth.ts";
import type { ApiEnv } from "../http/context.ts";
import { bootstrapCaller, type Caller, callerOfKey } from "../http/keyring.ts";
import type { Identified } from "./openid-provider.ts";
import { isOnLoopback } from "../http/own-pages.ts";
import { Problem } from "../http/problem.ts";
import {
  callerOfOperator,
  idleMs,
  isSessionSecret,
  newSessionSecret,
  operatorSessionMs,
  sessionMs,
  type Sessions,
} from "../http/sessions.ts";
import type { Services } from "../services.ts";

type Connection = Pick<PoolClient, "query">;

/** How long a sign-in code is valid. */
const codeMs = 600_000;

/** The UUID of the key of a caller; null for the bootstrap key and for an operator. */
const keyIdOf = ({ id }: Caller): string | null => parsePublicId("apiKey", id);

/** Makes a code that signs in once as the caller. Codes whose time is over are removed. */
export async function createCode(
  client: Connection,
  { sessions, caller, now }: { sessions: Sessions; caller: Caller; now: Date },
): Promise<{ code: string; expiresAt: Date }> {
  const keyId = keyIdOf(caller);
  const code = newSessionSecret({ isBootstrap: keyId === null });
  const expiresAt = new Date(now.getTime() + codeMs);
  await client.query("DELETE FROM sign_in_codes WHERE expires_at <= $1", [now]);
  await client.query("INSERT INTO sign_in_codes (hash, key_id, expires_at) VALUES ($1, $2, $3)", [
    sessions.hashOf(code),
    keyId,
    expiresAt,
  ]);
  return { code, expiresAt };
}

const useCodeSql = `
  WITH used AS (DELETE FROM sign_in_codes WHERE hash = $1 AND expires_at > $2 RETURNING key_id)
  SELECT k.id, k.role, k.scopes, k.requests_per_minute AS "requestsPerMinute"
  FROM used LEFT JOIN api_keys k ON k.id = used.key_id
  WHERE used.key_id IS NULL OR (k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > $2))`;

type KeyOfCode = Parameters<typeof callerOfKey>[0];

/** Uses up a code. Resolves with the caller as whom it signs in; null if it is not valid. */
async function redeemCode(
  client: Connection,
  { sessions, code, now }: { sessions: Sessions; code: string; now: Date },
): Promise<Caller | null> {
  if (!isSessionSecret(code)) return null;
  const { rows } = await client.query<KeyOfCode | Record<keyof KeyOfCode, null>>(useCodeSql, [
    sessions.hashOf(code),
    now,
  ]);
  const [key] = rows;
  if (!key) return null;
  return key.id === null ? bootstrapCaller : callerOfKey(key as KeyOfCode);
}

/** Refuses callers that may not use the console in this browser. */
function requireConsoleUser(c: Context<ApiEnv>, { id, role }: Caller): void {
  if (role === "metrics")
    throw new Problem("forbidden", "A key of the role metrics cannot sign in to the console.");
  // It cannot be revoked, and nobody has it of their own.
  if (id === bootstrapCaller.id && !isOnLoopback(c))
    throw new Problem(
      "forbidden",
      "TIDINGS_API_KEY signs in on a loopback address only. Create an API key for yourself, and sign in with that.",
    );
}

/** Who signs in: the owner of a key, the holder of a code, or a person whom the OpenID provider has identified. */
type SignIn = { caller: Caller } | { code: string } | { operator: Identified };

/** When the person who signs in proved who they are: now with a key or a code, and with an OpenID provider at the time that it states. */
const proofOf = (by: SignIn, now: Date): Date | null =>
  "operator" in by ? by.operator.provenAt : now;

async function identify(
  client: Connection,
  { by, sessions, now }: { by: SignIn; sessions: Sessions; now: Date },
): Promise<Caller | null> {
  if ("caller" in by) return by.caller;
  if ("code" in by) return redeemCode(client, { sessions, code: by.code, now });
  const { issuer, subject, name, role } = by.operator;
  const { rows } = await client.query<{ id: string }>(
    `INSERT INTO operators (id, issuer, subject, name, role, created_at, last_sign_in_at) VALUES ($1, $2, $3, $4, $5, $6, $6)
     ON CONFLICT (issuer, subject) DO UPDATE SET name = excluded.name, role = excluded.role, last_sign_in_at = excluded.last_sign_in_at RETURNING id`,
    [newUuid(now), issuer, subject, name, role, now],
  );
  return callerOfOperator(rows[0]!.id, role);
}

/**
 * Signs in, and uses up the code if there is one: begins a session and ends the one that the browser has had. Resolves with the
 * secret for the cookie. Sessions whose time is over are removed.
 * @param previous the secret in the cookie of the request, if it has one
 * @param mustBe the id of the caller who has to sign in again; by default anybody may
 */
export async function beginSession(
  c: Context<ApiEnv>,
  { publicPool, sessions, clock }: Pick<Services, "publicPool" | "sessions" | "clock">,
  {
    by,
    previous,
    mustBe,
  }: { by: SignIn; previous: string | undefined; mustBe?: string | undefined },
): Promise<string> {
  return inTransaction(publicPool, async (client) => {
    const now = clock();
    const caller = await identify(client, { by, sessions, now });
    if (!caller)
      throw unauthorized(
        "This code is not valid: it was used, is older than 10 minutes, or its key has ended. Get a new one, or sign in with an API key.",
        "code",
      );
    if (mustBe !== undefined && caller.id !== mustBe)
      throw new Problem(
        "forbidden",
        "You have signed in as somebody else. Sign in as the person whose session this is, or sign out first.",
      );
    requireConsoleUser(c, caller);
    c.set("caller", caller);
    const operatorId = parsePublicId("operator", caller.id);
    const id = newUuid(now);
    const lifeMs = operatorId === null ? sessionMs : operatorSessionMs;
    const expiresAt = new Date(now.getTime() + lifeMs);
    const secret = newSessionSecret({ isBootstrap: caller.id === bootstrapCaller.id });
    await client.query("DELETE FROM sessions WHERE expires_at <= $1 OR last_used_at <= $2", [
      now,
      new Date(now.getTime() - idleMs),
    ]);
    if (previous !== undefined)
      await client.query("DELETE FROM sessions WHERE hash = $1", [sessions.hashOf(previous)]);
    await client.query(
      `INSERT INTO sessions (id, hash, key_id, operator_id, role, created_at, expires_at, last_used_at, proven_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $6, $8)`,
      [
        id,
        sessions.hashOf(secret),
        keyIdOf(caller),
        operatorId,
        operatorId && caller.role,
        now,
        expiresAt,
        proofOf(by, now),
      ],
    );
    const after = { expiresAt: expiresAt.toISOString() };
    const change = { action: "session.begin", resource: publicId("session", id), after };
    await recordChangesOver(c, client, [change], now);
    return secret;
  });
}

/** The sessions that have not ended: those whose time is over are removed later. */
export const sessionsInForce = (now: Date) =>
  ({
    expiresAt: { gt: now },
    lastUsedAt: { gt: new Date(now.getTime() - idleMs) },
    OR: [
      { apiKey: null },
      { apiKey: { revokedAt: null, OR: [{ expiresAt: null }, { expiresAt: { gt: now } }] } },
    ],
  }) satisfies Prisma.SessionWhereInput;

/** Ends the sessions of a key whose secret has become invalid, and removes its codes. */
export async function endSessionsOfKey(
  tx: Pick<Prisma.TransactionClient, "session" | "signInCode">,
  keyId: string,
): Promise<void> {
  await tx.session.deleteMany({ where: { keyId } });
  await tx.signInCode.deleteMany({ where: { keyId } });
}
