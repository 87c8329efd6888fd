import type { Context } from "hono";
import type { Prisma, PrismaClient } from "../../prisma/generated/client.ts";
import { changeOf } from "./audit.ts";
import type { ApiEnv } from "./context.ts";
import { requireMatch, setEtag } from "./etag.ts";
import { withAuditedTransaction, type Work } from "./idempotency.ts";

interface VersionedChange<Row> {
  /** Reads the row, held against other changes to the end of the transaction; throws the 404 where there is none. */
  lock: (tx: Prisma.TransactionClient) => Promise<Row>;
  /** What the audit trail calls the row and knows of it, and the version that its ETag names. */
  describe: (row: Row) => { resource: string; version: number; facts: object };
  /** Writes the next version; null where the row is already as the request wants it. */
  write: (
    tx: Prisma.TransactionClient,
    before: Row,
  ) => Promise<{ after: Row; committed?: () => void } | null>;
}

/**
 * Changes something whose versions are counted. The caller must have read the version that is changed (If-Match), a request
 * that changes nothing makes no version, what differs stands in the audit trail, and the response has the new ETag.
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
