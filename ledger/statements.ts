import { dueSelection, dueTables, type DueRow } from "./due-delivery.ts";
import { mayHaveArrived, isFree, isStage, sourceRuns } from "./conditions.ts";
import { reopenGroups } from "./groups.ts";
import { endDeliveries } from "./on-end.ts";
import { defineStatement } from "./sql.ts";
import type { Channel } from "../domain/channel.ts";
import { longestWindowMs } from "../domain/policy/limits.ts";
import { ageingMs, priorities, type Priority } from "../domain/priority.ts";

/* The statements of the ledger. `Ledger` in ledger.ts documents what each guarantees. */

/**
 * An array of numbers, ids or codes in PostgreSQL's text form. None of them needs escaping, on which the driver would spend most of its
 * time with thousands of rows a second.
 */
export type PlainArray = string;

/** The outcomes of rows, one array per column. */
export interface SettledColumns {
  settledIds: PlainArray;
  settledTokens: PlainArray;
  settledStatuses: PlainArray;
  settledDueMs: PlainArray;
  settledReasons: PlainArray;
  settledDetails: readonly (string | null)[];
  settledAttemptCounts: PlainArray;
  /** The channels on which rows go on after the one before failed; null for other rows. */
  nextChannels: PlainArray;
  /** The attempt that ended each row; null if none did. */
  lastProviders: readonly (string | null)[];
  lastOutcomes: PlainArray;
  lastFailures: PlainArray;
  lastResponses: readonly (string | null)[];
  lastStartedMs: PlainArray;
  lastFinishedMs: PlainArray;
}

/** The earlier attempts of these rows. */
export interface AttemptColumns {
  attemptDeliveryIds: PlainArray;
  attemptNumbers: PlainArray;
  attemptChannels: PlainArray;
  attemptProviders: readonly (string | null)[];
  attemptOutcomes: PlainArray;
  attemptFailures: PlainArray;
  attemptResponses: readonly (string | null)[];
  attemptStartedMs: PlainArray;
  attemptFinishedMs: PlainArray;
}

/** Messages that need a grant of their recipients' limits. */
export interface GrantColumns {
  recipientIds: PlainArray;
  typeNumbers: PlainArray;
  roomsNeeded: readonly PlainArray[];
}

/** The rows of these messages. */
export interface ClaimColumns {
  claimIds: PlainArray;
  claimAttemptCounts: PlainArray;
  claimRevisions: PlainArray;
  /** Null for messages that need no grant. */
  claimRecipientIds: PlainArray;
  claimChannels: PlainArray;
  claimPolicyVersions: PlainArray;
  claimTypeVersions: PlainArray;
  claimPreferencesVersions: PlainArray;
}

interface ClaimTerms {
  token: string;
  leaseMs: number;
}

interface SettledAndClaimedRow {
  claimed: string[];
  granted: string[];
  grantedAtMs: number[];
}

interface DecisionColumns {
  ids: readonly string[];
  readDueMs: readonly number[];
  decidedMs: readonly number[];
  dueMs: readonly (number | null)[];
  reasons: readonly string[];
  holdCounts: readonly number[];
  groupIds: readonly (string | null)[];
  /** The channels by which the deliveries go on; null where they keep theirs. */
  channels: readonly (Channel | null)[];
  policyVersions: readonly number[];
  typeVersions: readonly (number | null)[];
  preferencesVersions: readonly number[];
}

const openCountLimit = 1_000;
const beforeAll = "00000000-0000-0000-0000-000000000000";

const byPriority = `(VALUES ${priorities.map((priority) => `('${priority}'::priority, interval '${ageingMs[priority]} milliseconds')`).join(", ")}) AS p(priority, ageing)`;

const clock = "clock AS MATERIALIZED (SELECT ledger_now() AS now)";

/**
 * Looks up each channel and priority separately, in the order of the index, so that rows of other channels are never
 * read, whatever their number.
 */
export const readDue = defineStatement<
  {
    queue: string;
    channels: readonly Channel[];
    limit: number;
    except: readonly string[];
    afterChannels: readonly Channel[];
    afterPriorities: readonly Priority[];
    afterDueMs: readonly number[];
    afterIds: readonly string[];
  },
  DueRow
>(
  `
  WITH ${clock},
  due AS (
    SELECT d.*, p.ageing FROM clock CROSS JOIN unnest(:channels::channel[]) AS c(channel) CROSS JOIN ${byPriority}
    -- The position after which to continue. Without one, the look-up starts at the beginning.
    LEFT JOIN unnest(:afterChannels::channel[], :afterPriorities::priority[], :afterDueMs::float8[], :afterIds::uuid[]) AS a(channel, priority, due_ms, id)
      ON a.channel = c.channel AND a.priority = p.priority,
    LATERAL (
      SELECT * FROM open_deliveries o
      WHERE o.queue = :queue AND o.channel = c.channel AND o.priority = p.priority AND (o.due_at, o.id) > (coalesce(to_timestamp(a.due_ms / 1000.0), '-infinity'), coalesce(a.id, '${beforeAll}')) AND o.due_at <= clock.now AND ${isFree("o", "clock.now")}
        AND o.id NOT IN (SELECT unnest(:except::uuid[])) AND ${sourceRuns("o")}
      ORDER BY o.due_at, o.id LIMIT :limit::int
    ) d
    ORDER BY d.due_at + p.ageing, d.id LIMIT :limit::int
  )
  SELECT ${dueSelection} FROM ${dueTables} ORDER BY d.due_at + d.ageing, d.id`,
  "due",
);

export const readDueMembers = defineStatement<
  { groups: readonly string[]; except: readonly string[] },
  DueRow
>(
  `
  WITH ${clock},
  due AS (
    SELECT o.* FROM open_deliveries o, clock
    WHERE o.group_id = ANY(:groups::uuid[]) AND o.due_at <= clock.now AND ${isFree("o", "clock.now")}
      AND o.id NOT IN (SELECT unnest(:except::uuid[])) AND ${sourceRuns("o")}
  )
  SELECT ${dueSelection} FROM ${dueTables} ORDER BY d.id`,
  "members",
);

/** Writes holds and suppressions of rows that have not changed since they were read. A row whose message may have arrived ends as `unknown` instead of `suppressed`. */
export const writeDecisions = defineStatement<DecisionColumns>(
  `
  WITH made AS MATERIALIZED (
    SELECT * FROM unnest(:ids::uuid[], :readDueMs::bigint[], :decidedMs::bigint[], :dueMs::bigint[], :reasons::text[], :holdCounts::smallint[], :groupIds::uuid[],
        :channels::channel[], :policyVersions::int[], :typeVersions::int[], :preferencesVersions::int[])
      AS m(id, read_ms, decided_ms, due_ms, reason, hold_count, group_id, channel, policy_version, type_version, preferences_version)
  ),
  held AS (
    UPDATE open_deliveries d SET due_at = to_timestamp(m.due_ms / 1000.0), reason = m.reason, hold_count = m.hold_count, group_id = m.group_id, channel = coalesce(m.channel, d.channel),
      decided_at = to_timestamp(m.decided_ms / 1000.0), policy_version = m.policy_version, type_version = m.type_version, preferences_version = m.preferences_version
    FROM made m WHERE m.due_ms IS NOT NULL AND d.id = m.id AND d.lease_token IS NULL AND d.due_at = to_timestamp(m.read_ms / 1000.0)
  ),
  taken AS (
    DELETE FROM open_deliveries d USING made m
    WHERE m.due_ms IS NULL AND d.id = m.id AND d.lease_token IS NULL AND d.due_at = to_timestamp(m.read_ms / 1000.0)
    RETURNING d.id, d.campaign_id, d.notification_id, d.recipient_id, d.leg, d.channel, d.priority, d.queue, d.created_at, d.attempt_count, d.forgiven_count,
      d.revision, d.template_version_id, d.route_id, d.failed_channels, m.hold_count, m.group_id, m.reason, to_timestamp(m.decided_ms / 1000.0) AS decided_at, m.policy_version, m.type_version,
      m.preferences_version, ${mayHaveArrived("d")} AS unknown
  ),
  ${endDeliveries("taken", {
    status: "(CASE WHEN unknown THEN 'unknown' ELSE 'suppressed' END)::delivery_status",
    reason: "CASE WHEN unknown THEN 'outcome_unknown' ELSE reason END",
  })}
  SELECT FROM ended LIMIT 0`,
  "decided",
);

const longest = `interval '${longestWindowMs} milliseconds'`;

/**
 * The condition that a window has room: if the limit is n, the n-th newest grant is outside the window, or does not exist. The limit is
 * at index `asked` of the column `asked`.
 */
const roomFor = (asked: number, window: string) =>
  `coalesce(g.granted[cardinality(g.granted) - excluded.asked[${asked}] + 1] <= excluded.granted[1] - ${window}, true)`;

const roomForType = (asked: number, window: string) =>
  `(excluded.asked[${asked}] IS NULL OR (SELECT count(*) FROM unnest(g.granted, g.types) AS e(at, type) WHERE e.type = excluded.types[1] AND e.at > excluded.granted[1] - ${window}) < excluded.asked[${asked}])`;

/** The window of a burst limit, whose milliseconds are at this index of the column `asked`. An array without burst limits is shorter. */
const burstWindow = (asked: number) => `excluded.asked[${asked}] * interval '1 millisecond'`;

const minute = "interval '1 minute'";
const hour = "interval '1 hour'";
const day = "interval '1 day'";

/** The condition that a row's campaign, if it has one, is running and still has the revision that would be sent. A snoozed message is sent even if its campaign no longer runs. */
const mayGoOut = (d: string, revision: string) =>
  `(${d}.campaign_id IS NULL OR ${revision} = (SELECT c.revision FROM campaigns c WHERE c.id = ${d}.campaign_id AND (NOT ${isStage(d)} OR (c.status = 'running' AND c.finished_at IS NULL))))`;

/** Replaces `value` of a settled row by `unknown` if the row failed and its message may have arrived. */
const unlessArrived = (value: string, unknown: string) =>
  `CASE WHEN settled_status = 'failed' AND no_answer THEN ${unknown} ELSE ${value} END`;

export const settleAndClaim = defineStatement<
  SettledColumns & AttemptColumns & GrantColumns & ClaimColumns & ClaimTerms,
  SettledAndClaimedRow
>(
  `
  WITH ${clock},
  settlement AS MATERIALIZED (
    SELECT * FROM unnest(:settledIds::uuid[], :settledTokens::uuid[], :settledStatuses::delivery_status[], :settledDueMs::bigint[], :settledReasons::text[],
        :settledDetails::text[], :settledAttemptCounts::smallint[], :nextChannels::channel[], :lastProviders::text[], :lastOutcomes::attempt_outcome[], :lastFailures::text[],
        :lastResponses::text[], :lastStartedMs::bigint[], :lastFinishedMs::bigint[])
      AS s(settled_id, settled_token, settled_status, settled_due_ms, settled_reason, settled_detail, settled_attempt_count, next_channel, provider, outcome, failure, response, started_ms, finished_ms)
  ),
  taken AS (
    DELETE FROM open_deliveries d USING settlement
    WHERE settled_due_ms IS NULL AND d.id = settled_id AND d.lease_token IS NOT DISTINCT FROM settled_token
    RETURNING d.*, settlement.*, settled_status = 'failed' AND ${mayHaveArrived("d")} AS no_answer
  ),
  ${endDeliveries("taken", {
    status: unlessArrived("settled_status", "'unknown'::delivery_status"),
    reason: unlessArrived("settled_reason", "'outcome_unknown'"),
    detail: "settled_detail",
    attemptCount: "settled_attempt_count",
    attempt: {
      provider: "provider",
      outcome: "outcome",
      failure: "failure",
      response: "response",
      startedAt: "to_timestamp(started_ms / 1000.0)",
      finishedAt: "to_timestamp(finished_ms / 1000.0)",
    },
  })},
  kept AS (
    UPDATE open_deliveries d SET due_at = to_timestamp(settled_due_ms / 1000.0), reason = settled_reason, attempt_count = settled_attempt_count,
      forgiven_count = CASE WHEN settled_reason IN ('sender_refused', 'next_channel') THEN settled_attempt_count ELSE d.forgiven_count END, lease_token = NULL, lease_until = NULL,
      channel = coalesce(next_channel, d.channel), failed_channels = CASE WHEN next_channel IS NULL THEN d.failed_channels ELSE d.failed_channels || d.channel END,
      group_id = CASE WHEN next_channel IS NULL THEN d.group_id END
    FROM settlement WHERE settled_due_ms IS NOT NULL AND d.id = settled_id AND d.lease_token IS NOT DISTINCT FROM settled_token
    RETURNING d.id, d.group_id, d.attempt_count
  ),
  -- No provider accepted the messages of these groups.
  reopened AS (
    ${reopenGroups("ARRAY(SELECT DISTINCT group_id FROM kept WHERE group_id IS NOT NULL AND attempt_count = 0)")}
  ),
  evidence AS (
    INSERT INTO earlier_attempts (delivery_id, number, channel, provider, outcome, failure, response, started_at, finished_at)
    SELECT a.id, a.number, a.channel, a.provider, a.outcome, a.failure, a.response, to_timestamp(a.started_ms / 1000.0), to_timestamp(a.finished_ms / 1000.0)
    FROM unnest(:attemptDeliveryIds::uuid[], :attemptNumbers::smallint[], :attemptChannels::channel[], :attemptProviders::text[], :attemptOutcomes::attempt_outcome[], :attemptFailures::text[],
        :attemptResponses::text[], :attemptStartedMs::bigint[], :attemptFinishedMs::bigint[])
      AS a(id, number, channel, provider, outcome, failure, response, started_ms, finished_ms)
    WHERE a.id = ANY (ARRAY(SELECT id FROM ended UNION ALL SELECT id FROM kept))
  ),
  -- One row for each recipient, in the order of recipients, so that turns cannot deadlock. A grant is an entry in the log. It is
  -- written if every window has room, which is checked on the locked log.
  granted AS (
    INSERT INTO grant_logs AS g (recipient_id, granted, types, asked)
    SELECT m.recipient_id, ARRAY[clock.now]::timestamptz(3)[], ARRAY[m.type], m.asked::int[]
    FROM unnest(:recipientIds::uuid[], :typeNumbers::int[], :roomsNeeded::text[]) AS m(recipient_id, type, asked), clock
    ORDER BY m.recipient_id
    ON CONFLICT (recipient_id) DO UPDATE SET
      granted = CASE WHEN g.granted[1] > excluded.granted[1] - ${longest} THEN g.granted ELSE ARRAY(SELECT e.at FROM unnest(g.granted) AS e(at) WHERE e.at > excluded.granted[1] - ${longest}) END
        || greatest(excluded.granted[1], g.granted[cardinality(g.granted)]),
      types = CASE WHEN g.granted[1] > excluded.granted[1] - ${longest} THEN g.types ELSE ARRAY(SELECT e.type FROM unnest(g.granted, g.types) AS e(at, type) WHERE e.at > excluded.granted[1] - ${longest}) END
        || excluded.types[1],
      asked = excluded.asked
    WHERE ${roomFor(1, minute)} AND ${roomFor(2, hour)} AND ${roomFor(3, day)}
      AND coalesce(g.granted[cardinality(g.granted)] <= excluded.granted[1] - excluded.asked[4] * interval '1 millisecond', true)
      AND ${roomForType(5, minute)} AND ${roomForType(6, hour)} AND ${roomForType(7, day)}
      AND (excluded.asked[8] IS NULL OR ${roomFor(8, burstWindow(9))}) AND ${roomForType(10, burstWindow(11))}
    RETURNING recipient_id, granted[cardinality(granted)] AS at
  ),
  claimed AS (
    UPDATE open_deliveries d SET attempt_count = d.attempt_count + 1, revision = wanted.revision,
      lease_token = :token::uuid, lease_until = clock.now + :leaseMs::float8 * interval '1 millisecond',
      decided_at = clock.now, policy_version = wanted.policy_version, type_version = wanted.type_version, preferences_version = wanted.preferences_version
    FROM unnest(:claimIds::uuid[], :claimAttemptCounts::smallint[], :claimRevisions::smallint[], :claimRecipientIds::uuid[], :claimChannels::channel[],
        :claimPolicyVersions::int[], :claimTypeVersions::int[], :claimPreferencesVersions::int[])
      AS wanted(id, attempt_count, revision, recipient_id, channel, policy_version, type_version, preferences_version), clock
    WHERE d.id = wanted.id AND d.attempt_count = wanted.attempt_count AND d.channel = wanted.channel AND d.due_at <= clock.now AND ${isFree("d", "clock.now")}
      -- As a join, this would be planned as nested loops. As a subquery, it is looked up in a hash.
      AND (wanted.recipient_id IS NULL OR coalesce(wanted.recipient_id IN (SELECT recipient_id FROM granted), false))
      AND ${mayGoOut("d", "wanted.revision")}
    RETURNING d.id, d.group_id
  ),
  -- A group whose members are claimed takes no more members.
  closed AS (
    UPDATE groups SET status = 'closed', closed_at = clock.now, member_count = (SELECT count(*) FROM claimed WHERE claimed.group_id = groups.id)
    FROM clock WHERE id = ANY (ARRAY(SELECT DISTINCT group_id FROM claimed WHERE group_id IS NOT NULL)) AND status <> 'closed'
  )
  SELECT ARRAY(SELECT id FROM claimed) AS claimed, ARRAY(SELECT recipient_id FROM granted ORDER BY recipient_id) AS granted,
    ARRAY(SELECT (extract(epoch FROM at) * 1000)::float8 FROM granted ORDER BY recipient_id) AS "grantedAtMs"`,
  "turn",
);

/**
 * Removes unused grants from the logs: as many entries of each instant as are given back. The logs are locked in the order of
 * recipients, as in `settleAndClaim`.
 */
export const giveBackGrants = defineStatement<{
  recipientIds: readonly string[];
  grantedAtMs: readonly number[];
}>(
  `
  WITH back AS MATERIALIZED (
    SELECT recipient_id, array_agg(to_timestamp(at_ms / 1000.0)::timestamptz(3)) AS granted
    FROM unnest(:recipientIds::uuid[], :grantedAtMs::float8[]) AS p(recipient_id, at_ms) GROUP BY recipient_id
  ),
  held AS MATERIALIZED (SELECT recipient_id FROM grant_logs WHERE recipient_id IN (SELECT recipient_id FROM back) ORDER BY recipient_id FOR UPDATE)
  UPDATE grant_logs g SET (granted, types) = (
    SELECT coalesce(array_agg(e.at ORDER BY e.place), '{}'), coalesce(array_agg(e.type ORDER BY e.place), '{}')
    FROM (SELECT *, row_number() OVER (PARTITION BY at ORDER BY place) AS copy FROM unnest(g.granted, g.types) WITH ORDINALITY AS l(at, type, place)) AS e
    WHERE e.copy > (SELECT count(*) FROM unnest(back.granted) AS b(at) WHERE b.at = e.at)
  )
  FROM held JOIN back ON back.recipient_id = held.recipient_id WHERE g.recipient_id = held.recipient_id`,
  "give-back-grants",
);

/** Selects the rows that still have their token, and that could be claimed again with the same revision. */
export const confirmClaims = defineStatement<
  { ids: readonly string[]; tokens: readonly (string | null)[] },
  { id: string }
>(
  `
  SELECT d.id FROM unnest(:ids::uuid[], :tokens::uuid[]) AS held(id, token) JOIN open_deliveries d ON d.id = held.id AND d.lease_token = held.token
  WHERE ${mayGoOut("d", "d.revision")}`,
  "confirm",
);

export const renewLeases = defineStatement<{
  ids: readonly string[];
  tokens: readonly (string | null)[];
  leaseMs: number;
}>(
  `
  UPDATE open_deliveries d SET lease_until = ledger_now() + :leaseMs::float8 * interval '1 millisecond'
  FROM unnest(:ids::uuid[], :tokens::uuid[]) AS held(id, token)
  WHERE d.id = held.id AND d.lease_token = held.token`,
  "renew",
);

/**
 * Selects for each channel the earlier of the due time of the first unleased row and the end of the first valid lease. Leases are read
 * only if no unleased row is due: then few rows are due, and each of them has a lease.
 */
export const readOutlook = defineStatement<
  { queue: string },
  { open: number; channel: Channel | null; dueAt: Date; reason: string | null }
>(
  `
  WITH ${clock},
  next AS (
    SELECT c.channel, least(free.at, leased.until) AS at, CASE WHEN free.at <= coalesce(leased.until, 'infinity') THEN free.reason ELSE 'interrupted' END AS reason
    FROM clock CROSS JOIN unnest(enum_range(NULL::channel)) AS c(channel)
    LEFT JOIN LATERAL (
      SELECT d.due_at AS at, d.reason FROM ${byPriority},
      LATERAL (
        SELECT due_at, reason FROM open_deliveries o
        WHERE o.queue = :queue AND o.channel = c.channel AND o.priority = p.priority AND ${isFree("o", "clock.now")} AND ${sourceRuns("o")}
        ORDER BY due_at LIMIT 1
      ) d
      ORDER BY d.due_at LIMIT 1
    ) free ON true
    LEFT JOIN LATERAL (
      SELECT min(d.lease_until) AS until FROM open_deliveries d
      WHERE d.queue = :queue AND d.channel = c.channel AND d.due_at <= clock.now AND d.lease_until > clock.now AND ${sourceRuns("d")}
        AND (free.at IS NULL OR free.at > clock.now)
    ) leased ON true
    WHERE free.at IS NOT NULL OR leased.until IS NOT NULL
  ),
  open AS (SELECT count(*)::int AS count FROM (SELECT FROM open_deliveries WHERE queue = :queue LIMIT ${openCountLimit}) o)
  SELECT open.count AS open, next.channel, next.at AS "dueAt", next.reason FROM open LEFT JOIN next ON true`,
  "outlook",
);
