import { isDeepStrictEqual } from "node:util";
import type { Context } from "hono";
import type { PoolClient } from "pg";
import { newUuid } from "../../domain/ids.ts";
import { Prisma } from "../../prisma/generated/client.ts";
import type { ApiEnv } from "./context.ts";
import type { Caller } from "./keyring.ts";

type Facts = Record<string, unknown>;

/** A change as the audit trail has it: what was changed, what it was before and is after, without secrets. */
export interface Change {
  /** Resource and verb, as `campaign.pause`. */
  action: string;
  /** The public id, or the key, of what was changed. */
  resource: string;
  before?: Facts;
  after?: Facts;
}

/** Describes a change by what differs. */
export function changeOf(action: string, resource: string, before: Facts, after: Facts): Change {
  const differing = Object.keys({ ...before, ...after }).filter(
    (key) => !isDeepStrictEqual(before[key], after[key]),
  );
  const pick = (facts: Facts) =>
    Object.fromEntries(differing.flatMap((key) => (key in facts ? [[key, facts[key]]] : [])));
  return { action, resource, before: pick(before), after: pick(after) };
}

/** Where the caller of a change was. Of recipients, who act for themselves, it is not kept. */
export const auditedAddress = (c: Context<ApiEnv>): string | null =>
  (c.get("caller") as Caller | undefined)?.role ? c.get("address") : null;

/** Writes changes to the audit trail, within the transaction that makes them. */
export async function recordChanges(
  c: Context<ApiEnv>,
  client: Pick<Prisma.TransactionClient, "auditEntry">,
  changes: readonly Change[],
  now: Date,
): Promise<void> {
  if (changes.length === 0) return;
  const json = (facts: Facts | undefined) =>
    facts === undefined ? Prisma.DbNull : (facts as Prisma.InputJsonObject);
  await client.auditEntry.createMany({
    data: changes.map(({ action, resource, before, after }) => ({
      id: newUuid(now),
      actor: c.get("caller").id,
      action,
      resource,
      requestId: c.get("requestId"),
      address: auditedAddress(c),
      before: json(before),
      after: json(after),
      createdAt: now,
    })),
  });
}

/** As `recordChanges`, over a connection of `pg`: one statement, however many there are. */
export async function recordChangesOver(
  c: Context<ApiEnv>,
  client: Pick<PoolClient, "query">,
  changes: readonly Change[],
  now: Date,
): Promise<void> {
  if (changes.length === 0) return;
  const entries = changes.map((change) => ({ id: newUuid(now), ...change }));
  await client.query(
    `INSERT INTO audit_entries (id, actor, action, resource, request_id, before, after, created_at, address)
     SELECT n.id, $2::text, n.action, n.resource, $3::text, n.before, n.after, $4::timestamptz, $5::text
     FROM jsonb_to_recordset($1::text::jsonb) AS n(id uuid, action text, resource text, before jsonb, after jsonb)`,
    [JSON.stringify(entries), c.get("caller").id, c.get("requestId"), now, auditedAddress(c)],
  );
}

/**
 * Makes an entry for a change that is made in several transactions. It is written in each of them, so that it says what has
 * been done so far, whatever becomes of the rest.
 */
export function createRunningEntry(
  c: Context<ApiEnv>,
  { action, resource }: Pick<Change, "action" | "resource">,
  now: Date,
) {
  const id = newUuid(now);
  return {
    write: (client: Pick<PoolClient, "query">, after: Facts) =>
      client.query(
        `INSERT INTO audit_entries (id, actor, action, resource, request_id, after, created_at, address) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (id) DO UPDATE SET after = excluded.after`,
        [
          id,
          c.get("caller").id,
          action,
          resource,
          c.get("requestId"),
          after,
          now,
          auditedAddress(c),
        ],
      ),
  };
}
