import { isDeepStrictEqual } from "node:util";
import type { Context } from "hono";
import type { PoolClient } from "pg";
import { newUuid } from "../../domain/ids.ts";
import { Prisma } from "../../prisma/generated/client.ts";
import type { ApiEnv } from "./context.ts";
import type { Caller } from "./keyring.ts";

type Facts = Record<string, unknown>;

/** An entry of the audit trail: the changed resource, and its changed fields before and after, without secrets. */
export interface Change {
  /** A resource and a verb, such as `campaign.pause`. */
  action: string;
  /** The public id, or the key, of the changed resource. */
  resource: string;
  before?: Facts;
  after?: Facts;
}

/** Makes the entry of a change from the state before and after: it has only the fields that differ. */
export function changeOf(action: string, resource: string, before: Facts, after: Facts): Change {
  const differing = Object.keys({ ...before, ...after }).filter(
    (key) => !isDeepStrictEqual(before[key], after[key]),
  );
  const pick = (facts: Facts) =>
    Object.fromEntries(differing.flatMap((key) => (key in facts ? [[key, facts[key]]] : [])));
  return { action, resource, before: pick(before), after: pick(after) };
}

/** The network address of the caller, for the audit trail. Null for recipients, who act for themselves: theirs is not stored. */
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

/** Writes changes to the audit trail, as `recordChanges` does, over a connection of `pg`: with one statement for all of them. */
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
 * Makes an entry for a change that takes several transactions. Each of them writes the entry, so that it always says what has been
 * done so far, even if a later transaction fails.
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
