import type { PoolClient } from "pg";
import { newUuid } from "../domain/ids.ts";
import type { ImportedRecipient } from "../domain/recipient.ts";
import type { PrismaClient } from "../prisma/generated/client.ts";
import { type RecipientRow, recipientColumns } from "./recipients.ts";

export type StoredRecipient = RecipientRow & {
  /** False if it replaced one of the same external id. */
  created: boolean;
};

/**
 * Creates or replaces recipients by external id, in one statement; each external id at most once in `recipients`. Rows are
 * locked in the order of their external ids, so that two callers never wait for each other.
 */
export async function upsertRecipients(
  prisma: Pick<PrismaClient, "$queryRawUnsafe">,
  recipients: readonly ImportedRecipient[],
  now: Date,
): Promise<StoredRecipient[]> {
  const rows = recipients.map((recipient) => ({ id: newUuid(now), ...recipient }));
  return prisma.$queryRawUnsafe<StoredRecipient[]>(upsertSql(true), JSON.stringify(rows), now);
}

/** As `upsertRecipients`, for many: answers nothing. Past Prisma, which keeps its last hundred statements with their values. */
export async function importRecipients(
  client: Pick<PoolClient, "query">,
  recipients: readonly ImportedRecipient[],
  now: Date,
): Promise<void> {
  const rows = recipients.map((recipient) => ({ id: newUuid(now), ...recipient }));
  await client.query(upsertSql(false), [JSON.stringify(rows), now]);
}

const upsertSql = (answer: boolean) => `
  INSERT INTO recipients AS r (id, external_id, email, phone, time_zone, locale, attributes, created_at, updated_at)
  SELECT n.id, n."externalId", n.email, n.phone, n."timeZone", n.locale, n.attributes, $2::timestamptz, $2::timestamptz
  FROM jsonb_to_recordset($1::text::jsonb)
    AS n(id uuid, "externalId" text, email text, phone text, "timeZone" text, locale text, attributes jsonb)
  ORDER BY n."externalId"
  ON CONFLICT (external_id) DO UPDATE SET
    email = excluded.email, phone = excluded.phone, time_zone = excluded.time_zone, locale = excluded.locale,
    attributes = excluded.attributes, updated_at = excluded.updated_at, version = r.version + 1
  ${
    // A row that an upsert created has never been locked or updated.
    answer ? `RETURNING ${recipientColumns}, r.xmax = 0 AS created` : ""
  }`;
