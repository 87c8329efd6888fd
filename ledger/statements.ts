import { sourceRuns } from "./conditions.ts";
import { reopenGroups } from "./groups.ts";
import { longestWindowMs } from "../domain/policy/limits.ts";
import { ageingMs, priorities } from "../domain/priority.ts";

/* The statements of the ledger: what each promises stands at `Ledger`. */

const openCountLimit = 1_000;

const byPriority = `(VALUES ${priorities.map((priority) => `('${priority}'::priority, interval '${ageingMs[priority]} milliseconds')`).join(", ")}) AS p(priority, ageing)`;

/**
 * What is read of a row `d` that is due: see `dueDelivery`. Its group and its recipient's log are looked up one by one: a plan
 * that was made while those tables were small would read the whole of them for each page.
 */
const dueColumns = `d.id, d.lease_token, d.campaign_id, d.notification_id, c.revision, d.attempt_count, d.forgiven_count, d.status = 'sending',
    r.erased_at IS NOT NULL, r.id, r.external_id, r.email, r.phone, r.time_zone, r.locale, r.attributes,
    d.priority, d.channel, (extract(epoch FROM d.due_at) * 1000)::float8, d.reason, d.hold_count, g.id, g.kind, g.status, g.closes_at, g.type_id,
    r.preferences, r.preferences_version, nullif(r.engaged_hours, '{}'),
    CASE WHEN cardinality(l.granted) > 0 THEN ARRAY(SELECT (extract(epoch FROM at) * 1000)::float8 FROM unnest(l.granted) AS at) END, l.types
  FROM due d JOIN recipients r ON r.id = d.recipient_id LEFT JOIN campaigns c ON c.id = d.campaign_id
    LEFT JOIN LATERAL (SELECT * FROM groups WHERE id = d.group_id LIMIT 1) g ON true
    LEFT JOIN LATERAL (SELECT * FROM grant_logs WHERE recipient_id = d.recipient_id LIMIT 1) l ON true`;

const readColumns =
  "id, campaign_id, notification_id, recipient_id, attempt_count, forgiven_count, status, lease_token, priority, channel, due_at, reason, hold_count, group_id";

export const dueSql = `
  WITH clock AS MATERIALIZED (SELECT greatest($2::timestamptz, clock_timestamp()) AS now),
  due AS (
    SELECT d.*, p.ageing FROM clock, ${byPriority},
    LATERAL (
      SELECT ${readColumns} FROM deliveries o
      WHERE queue = $1 AND priority = p.priority AND due_at <= clock.now AND (lease_until IS NULL OR lease_until <= clock.now)
        AND id NOT IN (SELECT unnest($4::uuid[])) AND ${sourceRuns("o")}
      ORDER BY due_at LIMIT $3
    ) d
    ORDER BY d.due_at + p.ageing LIMIT $3
  )
  SELECT ${dueColumns} ORDER BY d.due_at + d.ageing, d.id`;

export const membersSql = `
  WITH clock AS MATERIALIZED (SELECT greatest($2::timestamptz, clock_timestamp()) AS now),
  due AS (
    SELECT ${readColumns} FROM deliveries o, clock
    WHERE group_id = ANY($1::uuid[]) AND due_at <= clock.now AND (lease_until IS NULL OR lease_until <= clock.now)
      AND id NOT IN (SELECT unnest($3::uuid[])) AND ${sourceRuns("o")}
  )
  SELECT ${dueColumns} ORDER BY d.id`;

/** A hold, or a suppression, of rows that are as they were read. */
export const decidedSql = `
  UPDATE deliveries d SET status = CASE WHEN h.due_ms IS NULL THEN 'suppressed' ELSE d.status END, due_at = to_timestamp(h.due_ms / 1000.0),
    reason = h.reason, hold_count = h.hold_count, group_id = h.group_id, finished_at = CASE WHEN h.due_ms IS NULL THEN clock_timestamp() END,
    decided_at = to_timestamp(h.decided_ms / 1000.0), policy_version = h.policy_version, type_version = h.type_version, preferences_version = h.preferences_version
  FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::smallint[], $7::uuid[], $8::int[], $9::int[], $10::int[])
    AS h(id, read_ms, decided_ms, due_ms, reason, hold_count, group_id, policy_version, type_version, preferences_version)
  WHERE d.id = h.id AND d.status = 'pending' AND d.due_at = to_timestamp(h.read_ms / 1000.0)`;

const longest = `interval '${longestWindowMs} milliseconds'`;

/** The grant that is as many places before as the limit allows is out of the window, or there is none. `asked`: its place there. */
const roomFor = (asked: number, window: string) =>
  `coalesce(g.granted[cardinality(g.granted) - excluded.asked[${asked}] + 1] <= excluded.granted[1] - interval '${window}', true)`;

const roomForType = (asked: number, window: string) =>
  `(excluded.asked[${asked}] IS NULL OR (SELECT count(*) FROM unnest(g.granted, g.types) AS e(at, type) WHERE e.type = excluded.types[1] AND e.at > excluded.granted[1] - interval '${window}') < excluded.asked[${asked}])`;

export const turnSql = `
  WITH clock AS MATERIALIZED (SELECT greatest($16::timestamptz, clock_timestamp()) AS now),
  settled AS (
    UPDATE deliveries d SET status = s.status, due_at = to_timestamp(s.due_ms / 1000.0), reason = s.reason, detail = s.detail, attempt_count = s.attempt_count,
      lease_token = NULL, lease_until = NULL, finished_at = CASE WHEN s.due_ms IS NULL THEN clock_timestamp() END
    FROM unnest($1::uuid[], $2::uuid[], $3::delivery_status[], $4::bigint[], $5::text[], $6::text[], $7::smallint[])
      AS s(id, token, status, due_ms, reason, detail, attempt_count)
    WHERE d.id = s.id AND d.lease_token IS NOT DISTINCT FROM s.token AND d.due_at IS NOT NULL
    RETURNING d.id, d.group_id, d.status, d.attempt_count
  ),
  -- No provider took them.
  reopened AS (
    ${reopenGroups("ARRAY(SELECT DISTINCT group_id FROM settled WHERE group_id IS NOT NULL AND status = 'pending' AND attempt_count = 0)")}
  ),
  evidence AS (
    INSERT INTO attempts (delivery_id, number, provider, outcome, failure, response, started_at, finished_at)
    SELECT a.id, a.number, a.provider, a.outcome, a.failure, a.response, to_timestamp(a.started_ms / 1000.0), to_timestamp(a.finished_ms / 1000.0)
    FROM unnest($8::uuid[], $9::smallint[], $10::text[], $11::attempt_outcome[], $12::text[], $13::text[], $14::bigint[], $15::bigint[])
      AS a(id, number, provider, outcome, failure, response, started_ms, finished_ms)
    WHERE a.id = ANY (ARRAY(SELECT id FROM settled))
  ),
  -- One row a recipient, in the order of recipients, so that no two turns wait for each other. A grant is an entry in the log:
  -- it is made where the entries that stand in the way are out of their windows, on the log as it is under its lock.
  permits AS (
    INSERT INTO grant_logs AS g (recipient_id, granted, types, asked)
    SELECT m.recipient_id, ARRAY[clock.now]::timestamptz(3)[], ARRAY[m.type], m.asked::int[]
    FROM unnest($19::uuid[], $20::int[], $21::text[]) AS m(recipient_id, type, asked), clock
    ORDER BY m.recipient_id
    ON CONFLICT (recipient_id) DO UPDATE SET
      granted = CASE WHEN g.granted[1] > excluded.granted[1] - ${longest} THEN g.granted ELSE ARRAY(SELECT e.at FROM unnest(g.granted) AS e(at) WHERE e.at > excluded.granted[1] - ${longest}) END
        || greatest(excluded.granted[1], g.granted[cardinality(g.granted)]),
      types = CASE WHEN g.granted[1] > excluded.granted[1] - ${longest} THEN g.types ELSE ARRAY(SELECT e.type FROM unnest(g.granted, g.types) AS e(at, type) WHERE e.at > excluded.granted[1] - ${longest}) END
        || excluded.types[1],
      asked = excluded.asked
    WHERE ${roomFor(1, "1 minute")} AND ${roomFor(2, "1 hour")} AND ${roomFor(3, "1 day")}
      AND coalesce(g.granted[cardinality(g.granted)] <= excluded.granted[1] - excluded.asked[4] * interval '1 millisecond', true)
      AND ${roomForType(5, "1 minute")} AND ${roomForType(6, "1 hour")} AND ${roomForType(7, "1 day")}
    RETURNING recipient_id, granted[cardinality(granted)] AS at
  ),
  claimed AS (
    UPDATE deliveries d SET status = 'sending', attempt_count = d.attempt_count + 1, revision = wanted.revision,
      lease_token = $17, lease_until = clock.now + $18 * interval '1 millisecond',
      decided_at = clock.now, policy_version = wanted.policy_version, type_version = wanted.type_version, preferences_version = wanted.preferences_version
    FROM unnest($22::uuid[], $23::smallint[], $24::smallint[], $25::uuid[], $26::int[], $27::int[], $28::int[])
      AS wanted(id, attempt_count, revision, recipient_id, policy_version, type_version, preferences_version), clock
    WHERE d.id = wanted.id AND d.attempt_count = wanted.attempt_count AND d.due_at <= clock.now AND (d.lease_until IS NULL OR d.lease_until <= clock.now)
      -- Not as a condition of a join, which would be nested loops: as it stands, it is looked up in a hash.
      AND coalesce(wanted.recipient_id IN (SELECT recipient_id FROM permits), false)
      AND (d.campaign_id IS NULL OR wanted.revision = (SELECT c.revision FROM campaigns c WHERE c.id = d.campaign_id AND (d.leg <> 'primary' OR (c.status = 'running' AND c.finished_at IS NULL))))
    RETURNING d.id, d.group_id
  ),
  -- What went out takes no more members.
  closed AS (
    UPDATE groups SET status = 'closed', closed_at = clock.now, member_count = (SELECT count(*) FROM claimed WHERE claimed.group_id = groups.id)
    FROM clock WHERE id = ANY (ARRAY(SELECT DISTINCT group_id FROM claimed WHERE group_id IS NOT NULL)) AND status <> 'closed'
  )
  SELECT ARRAY(SELECT id FROM claimed), ARRAY(SELECT recipient_id FROM permits ORDER BY recipient_id),
    ARRAY(SELECT (extract(epoch FROM at) * 1000)::float8 FROM permits ORDER BY recipient_id)`;

/**
 * Grants that nothing came of leave the log: as many of each instant as are given back. On the log as it is under its lock, in
 * the order of recipients, as permits are given.
 */
export const giveBackSql = `
  WITH back AS MATERIALIZED (
    SELECT recipient_id, array_agg(to_timestamp(at_ms / 1000.0)::timestamptz(3)) AS granted FROM unnest($1::uuid[], $2::float8[]) AS p(recipient_id, at_ms) GROUP BY recipient_id
  ),
  held AS MATERIALIZED (SELECT recipient_id FROM grant_logs WHERE recipient_id IN (SELECT recipient_id FROM back) ORDER BY recipient_id FOR UPDATE)
  UPDATE grant_logs g SET (granted, types) = (
    SELECT coalesce(array_agg(e.at ORDER BY e.place), '{}'), coalesce(array_agg(e.type ORDER BY e.place), '{}')
    FROM (SELECT *, row_number() OVER (PARTITION BY at ORDER BY place) AS copy FROM unnest(g.granted, g.types) WITH ORDINALITY AS l(at, type, place)) AS e
    WHERE e.copy > (SELECT count(*) FROM unnest(back.granted) AS b(at) WHERE b.at = e.at)
  )
  FROM held JOIN back ON back.recipient_id = held.recipient_id WHERE g.recipient_id = held.recipient_id`;

export const renewSql = `
  UPDATE deliveries d SET lease_until = greatest($3::timestamptz, clock_timestamp()) + $4 * interval '1 millisecond'
  FROM unnest($1::uuid[], $2::uuid[]) AS held(id, token)
  WHERE d.id = held.id AND d.lease_token = held.token`;

/** The earliest of: the first row that nobody holds, and the first live lease to run out. */
export const outlookSql = `
  WITH clock AS MATERIALIZED (SELECT greatest($2::timestamptz, clock_timestamp()) AS now),
  waiting AS (
    SELECT d.due_at AS at, d.reason FROM clock, ${byPriority},
    LATERAL (
      SELECT due_at, reason FROM deliveries o
      WHERE queue = $1 AND priority = p.priority AND due_at IS NOT NULL AND (lease_until IS NULL OR lease_until <= clock.now)
        AND ${sourceRuns("o")}
      ORDER BY due_at LIMIT 1
    ) d
    UNION ALL
    SELECT min(d.lease_until), 'interrupted' FROM clock, deliveries d
    WHERE d.queue = $1 AND d.due_at <= clock.now AND d.lease_until > clock.now AND ${sourceRuns("d")}
  ),
  open AS (SELECT count(*)::int AS count FROM (SELECT FROM deliveries WHERE queue = $1 AND due_at IS NOT NULL LIMIT ${openCountLimit}) o)
  SELECT (SELECT count FROM open), w.at, w.reason
  FROM (SELECT) one LEFT JOIN waiting w ON w.at IS NOT NULL
  ORDER BY w.at NULLS LAST LIMIT 1`;
