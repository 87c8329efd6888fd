import type { PoolClient } from "pg";
import { newUuid } from "../../domain/ids.ts";
import type { ImportedRecipient } from "../../domain/recipient.ts";
import type { PrismaClient } from "../../prisma/generated/client.ts";
import { type RecipientRow, recipientColumns } from "./store.ts";

export type StoredRecipient = RecipientRow & {
  /** False if it replaced one of the same external id. */
  created: boolean;
  /** Their held deliveries were decided by a time zone or preferences that have changed. */
  unsettled: boolean;
};

interface Storing {
  /** The caller, who is the author of the preferences where those are given. */
  createdBy: string;
  now: Date;
}

/**
 * Creates or replaces recipients by external id, in one statement; each external id at most once in `recipients`. Rows are
 * locked in the order of their external ids, so that two callers never wait for each other. What they wish is replaced where
 * it is given, and else stays.
 */
export async function upsertRecipients(
  prisma: Pick<PrismaClient, "$queryRawUnsafe">,
  recipients: readonly ImportedRecipient[],
  storing: Storing,
): Promise<StoredRecipient[]> {
  return prisma.$queryRawUnsafe<StoredRecipient[]>(upsertSql, ...values(recipients, storing));
}

/**
 * As `upsertRecipients`, for many: answers the ids of those that are `unsettled`. Past Prisma, which keeps its last hundred
 * statements with their values.
 */
export async function importRecipients(
  client: Pick<PoolClient, "query">,
  recipients: readonly ImportedRecipient[],
  storing: Storing,
): Promise<string[]> {
  const { rows } = await client.query<{ id: string }>(importSql, values(recipients, storing));
  return rows.map(({ id }) => id);
}

const values = (recipients: readonly ImportedRecipient[], { createdBy, now }: Storing) => [
  JSON.stringify(recipients.map((recipient) => ({ id: newUuid(now), ...recipient }))),
  now,
  createdBy,
];

/**
 * `before`: those that are there, as they are until then. A row that an upsert created has never been locked or updated.
 * @param answered columns of recipients beside those that it needs itself
 */
const storingSql = (answered = "") => `
  WITH given AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset($1::text::jsonb)
      AS n(id uuid, "externalId" text, email text, phone text, "timeZone" text, locale text, attributes jsonb, preferences jsonb)
  ),
  before AS MATERIALIZED (
    SELECT b.id, b.external_id, b.time_zone, b.preferences_version FROM recipients AS b
    WHERE b.external_id IN (SELECT "externalId" FROM given) ORDER BY b.external_id FOR NO KEY UPDATE
  ),
  stored AS (
    INSERT INTO recipients AS r (id, external_id, email, phone, time_zone, locale, attributes, created_at, updated_at, preferences, preferences_version)
    SELECT n.id, n."externalId", n.email, n.phone, n."timeZone", n.locale, n.attributes, $2::timestamptz, $2::timestamptz,
      n.preferences, coalesce(n.preferences <> '{}', false)::int
    -- Joined for its effect: who is there is held before anything is written.
    FROM given AS n LEFT JOIN before AS b ON b.external_id = n."externalId"
    ORDER BY n."externalId"
    ON CONFLICT (external_id) DO UPDATE SET
      email = excluded.email, phone = excluded.phone, time_zone = excluded.time_zone, locale = excluded.locale,
      attributes = excluded.attributes, updated_at = excluded.updated_at, version = r.version + 1,
      preferences = coalesce(excluded.preferences, r.preferences),
      preferences_version = r.preferences_version + coalesce(excluded.preferences <> coalesce(r.preferences, '{}'), false)::int
    RETURNING r.id, r.time_zone, r.preferences, r.preferences_version, ${answered} r.xmax = 0 AS created
  ),
  compared AS (
    SELECT s.*, coalesce(b.preferences_version, 0) < s.preferences_version AS said,
      NOT s.created AND (b.id IS NULL OR b.time_zone <> s.time_zone OR b.preferences_version <> s.preferences_version) AS unsettled
    FROM stored AS s LEFT JOIN before AS b ON b.id = s.id
  ),
  kept AS (
    INSERT INTO preference_versions (recipient_id, version, document, created_by, created_at)
    SELECT id, preferences_version, preferences, $3::text, $2::timestamptz FROM compared WHERE said
    -- Of one whom somebody else has created meanwhile the version may be theirs.
    ON CONFLICT DO NOTHING
  )`;

const answered =
  "r.external_id, r.email, r.phone, r.locale, r.attributes, r.created_at, r.updated_at, r.version,";

const upsertSql = `${storingSql(answered)} SELECT ${recipientColumns}, created, unsettled FROM compared`;

const importSql = `${storingSql()} SELECT id FROM compared WHERE unsettled`;
