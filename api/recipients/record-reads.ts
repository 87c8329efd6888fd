import type { MiddlewareHandler } from "hono";
import type { Pool } from "pg";
import { firstUuidAt, newUuid, publicId } from "../../domain/ids.ts";
import { recipientReference } from "../../domain/recipient.ts";
import { hourMs } from "../../domain/time/durations.ts";
import { auditedAddress } from "../http/audit.ts";
import type { ApiEnv } from "../http/context.ts";

/** How many pairs of an actor and a recipient are remembered. */
const maxRemembered = 10_000;

const findSql = `SELECT id FROM recipients WHERE external_id = $1`;

const recordSql = `
  INSERT INTO audit_entries (id, actor, action, resource, request_id, created_at, address)
  SELECT $1::uuid, $2::text, 'recipient.read', $3::text, $4::text, $5::timestamptz, $6::text
  WHERE NOT EXISTS (SELECT FROM audit_entries WHERE resource = $3 AND id >= $7::uuid AND actor = $2 AND action = 'recipient.read')`;

/**
 * Records in the audit trail which recipients people look at in the console: one entry for each person and recipient an hour, before
 * the first answer is sent. Services that use a key are not recorded, because they read recipients to work with them. Of two processes that
 * answer at the same moment, each may write an entry.
 */
export function recordReads({
  pool,
  clock,
}: {
  pool: Pick<Pool, "query">;
  clock: () => Date;
}): MiddlewareHandler<ApiEnv> {
  /** When each pair was recorded, the earliest first. */
  const recorded = new Map<string, number>();

  return async (c, next) => {
    await next();
    if (c.req.method !== "GET" || c.get("session") === undefined || !c.res.ok) return;
    const named = recipientReference(c.req.param("recipient") ?? "");
    const id =
      "id" in named
        ? named.id
        : (await pool.query<{ id: string }>(findSql, [named.externalId])).rows[0]?.id;
    if (id === undefined) return;
    const now = clock();
    const { id: actor } = c.get("caller");
    const pair = `${actor} ${id}`;
    const since = now.getTime() - hourMs;
    if ((recorded.get(pair) ?? 0) > since) return;
    await pool.query(recordSql, [
      newUuid(now),
      actor,
      publicId("recipient", id),
      c.get("requestId"),
      now,
      auditedAddress(c),
      firstUuidAt(new Date(since + 1)),
    ]);
    recorded.delete(pair);
    recorded.set(pair, now.getTime());
    if (recorded.size > maxRemembered) recorded.delete(recorded.keys().next().value!);
  };
}
