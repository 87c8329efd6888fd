import type { Pool, PoolClient } from "pg";
import type { Audience, RecipientFilter } from "../domain/audience.ts";
import type { Channel } from "../domain/channel.ts";
import type { routedChannels } from "../domain/policy/route.ts";
import { audienceParts, audienceWhere, hasAddress } from "./audience-sql.ts";
import { inTransaction } from "./transaction.ts";

type PreviewedChannel = (typeof routedChannels)[number];

/** What becomes of the recipients that an audience includes. Each is counted once, for the first of these that applies. */
interface AudienceCounts {
  erased: number;
  excluded: number;
  /** All addresses on the channels are on the suppression list. */
  suppressed: number;
  /** There is no address on any of the channels. */
  noAddress: number;
  reachable: number;
}

export interface AudiencePreview {
  /** Null if counting took too long. */
  counts: AudienceCounts | null;
  /** The number of recipients in the audience, or the least number that there are if counting took too long. */
  size: number;
  /** The UUIDs of a random sample of the audience; of the first recipients found if counting took too long. */
  ids: string[];
}

interface Wanted {
  audience: Audience;
  /** The filters of the segments that the audience names. */
  segments: ReadonlyMap<string, RecipientFilter>;
  /** The channels on which recipients are to be reached. */
  channels: readonly PreviewedChannel[];
  /** The largest size of the sample. */
  sample: number;
}

/** How long the exact count may take, and the rough one after it, in milliseconds. */
const presetDeadlines = { exactMs: 5_000, roughMs: 2_000 };
/** The number of recipients at which the rough count ends. */
const roughCount = 10_000;

/**
 * Counts what becomes of the recipients of an audience, and draws a random sample of it. After a deadline it counts roughly instead. Writes nothing.
 * The suppression list is compared in SQL: a domain beyond ASCII is found only in the spelling that is on the list.
 */
export async function previewAudience(
  pool: Pool,
  wanted: Wanted,
  { exactMs, roughMs } = presetDeadlines,
): Promise<AudiencePreview> {
  const exact = await withDeadline(pool, exactMs, (client) => countExactly(client, wanted));
  if (exact) return exact;
  const rough = await withDeadline(pool, roughMs, (client) => countRoughly(client, wanted));
  return { counts: null, ...(rough ?? { size: 0, ids: [] }) };
}

async function countExactly(
  client: PoolClient,
  { audience, segments, channels, sample }: Wanted,
): Promise<AudiencePreview> {
  const { included, excluded, values } = audienceParts(audience, segments, "r", 2);
  const any = (conditions: readonly string[]) => `(${conditions.join(" OR ")})`;
  const { rows } = await client.query<{ counts: AudienceCounts; ids: string[] }>(
    `WITH members AS MATERIALIZED (
       SELECT r.id, CASE
         WHEN r.erased_at IS NOT NULL THEN 'erased'
         WHEN ${excluded ?? "false"} THEN 'excluded'
         WHEN ${any(channels.map((channel) => hasUsableAddress(channel)))} THEN 'reachable'
         WHEN ${any(channels.map((channel) => hasAnyAddress(channel)))} THEN 'suppressed'
         ELSE 'noAddress' END AS outcome
       FROM recipients r WHERE ${included.length === 0 ? "true" : included.join(" AND ")}
     )
     SELECT (
         SELECT jsonb_object_agg(f.outcome, (SELECT count(*) FROM members m WHERE m.outcome = f.outcome))
         FROM unnest('{erased,excluded,suppressed,noAddress,reachable}'::text[]) AS f(outcome)
       ) AS counts,
       ARRAY(SELECT id FROM members WHERE outcome NOT IN ('erased', 'excluded') ORDER BY random() LIMIT $1::int) AS ids`,
    [sample, ...values],
  );
  const { counts, ids } = rows[0]!;
  return { counts, size: counts.suppressed + counts.noAddress + counts.reachable, ids };
}

async function countRoughly(
  client: PoolClient,
  { audience, segments, sample }: Wanted,
): Promise<Pick<AudiencePreview, "size" | "ids">> {
  const where = audienceWhere(audience, segments, "r", 3);
  const { rows } = await client.query<Pick<AudiencePreview, "size" | "ids">>(
    `WITH found AS MATERIALIZED (SELECT r.id FROM recipients r WHERE ${where.sql} LIMIT $2::int)
     SELECT (SELECT count(*)::int FROM found) AS size, ARRAY(SELECT id FROM found ORDER BY random() LIMIT $1::int) AS ids`,
    [sample, roughCount, ...where.values],
  );
  return rows[0]!;
}

const hasAnyAddress = (channel: PreviewedChannel): string =>
  channel === "in_app" ? "true" : hasAddress(channel, "r", quote);

const hasUsableAddress = (channel: PreviewedChannel): string =>
  channel === "email"
    ? `(r.email IS NOT NULL AND NOT ${isSuppressed("lower(r.email)")} AND NOT ${isSuppressed("'sha256:' || encode(sha256(convert_to(lower(r.email), 'UTF8')), 'hex')", "AND s.address LIKE 'sha256:%'")})`
    : hasAnyAddress(channel);

/** The subquery is hashed: the list is read once, however many recipients there are. */
const isSuppressed = (address: string, more = "") =>
  `coalesce(${address} IN (SELECT s.address FROM suppressions s WHERE s.channel = 'email' AND (s.expires_at IS NULL OR s.expires_at > ledger_now()) ${more}), false)`;

/** Only for the names of channels, which are constants. */
const quote = (channel: string) => `'${channel as Channel}'::text`;

/** Runs a statement that may take `deadlineMs`. Resolves with null if it took longer. */
async function withDeadline<Result>(
  pool: Pool,
  deadlineMs: number,
  work: (client: PoolClient) => Promise<Result>,
): Promise<Result | null> {
  try {
    return await inTransaction(pool, async (client) => {
      await client.query(`SELECT set_config('statement_timeout', $1, true)`, [String(deadlineMs)]);
      return work(client);
    });
  } catch (error) {
    // `query_canceled`: the statement timed out.
    if ((error as { code?: string }).code === "57014") return null;
    throw error;
  }
}
