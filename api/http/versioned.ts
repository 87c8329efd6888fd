import type { Context } from "hono";
import type { Prisma, PrismaClient } from "../../prisma/generated/client.ts";
import { changeOf } from "./audit.ts";
import type { ApiEnv } from "./context.ts";
import { requireMatch, setEtag } from "./etag.ts";
import { withAuditedTransaction, type Work } from "./idempotency.ts";

interface VersionedChange<Row> {
  /** Reads the row and locks it until the end of the transaction. Throws a 404 if it does not exist. */
  lock: (tx: Prisma.TransactionClient) => Promise<Row>;
  /** Describes the row: its resource and fields for the audit trail, and the version for its ETag. */
  describe: (row: Row) => { resource: string; version: number; facts: object };
  /** Writes the next version. Resolves with null if the request changes nothing. */
  write: (
    tx: Prisma.TransactionClient,
    before: Row,
  ) => Promise<{ after: Row; committed?: () => void } | null>;
}

/**
 * Changes a resource whose versions are counted. If-Match must name the current version. A request that changes nothing makes no new
 * version. The fields that differ go into the audit trail, and the response has the new ETag.
 */
export async function changeVersioned<Row>(
  c: Context<ApiEnv>,
  services: { prisma: PrismaClient; clock: () => Date },
  action: string,
  { lock, describe, write }: VersionedChange<Row>,
): Promise<Row> {
  const row = await withAuditedTransaction(c, services, async (tx): Promise<Work<Row>> => {
    const before = await lock(tx);
    const { resource, version, facts } = describe(before);
    requireMatch(c, version);
    const written = await write(tx, before);
    if (written === null) return { body: before, changes: [] };
    const { after, ...rest } = written;
    const change = changeOf(action, resource, { ...facts }, { ...describe(after).facts });
    return { body: after, changes: [change], ...rest };
  });
  setEtag(c, describe(row).version);
  return row;
}
