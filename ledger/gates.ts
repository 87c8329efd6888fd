import type { Pool } from "pg";
import type { GateLimits } from "../domain/delivery/gates.ts";
import { defineStatement, type Execute, executeOn } from "./sql.ts";

/** How far ahead slots are granted, in milliseconds. It bounds the slots that are lost when a worker dies. */
export const horizonMs = 200;

/** The times of a gate's slots. */
export interface Pace {
  /** The time between one slot and the next. */
  intervalMs: number;
  /** How far in the past the first slot after a pause may lie: this allows the burst. */
  lagMs: number;
  /** The time until the next free slot; negative where it is past. */
  nextInMs: number;
}

/** The state of a gate at an instant. */
export interface GateView {
  /** Null where the gate has no rate. */
  pace: Pace | null;
  /** The rest of the quotas of this hour and this day, of which the smaller counts; null where the gate has no quota. */
  quotaLeft: number | null;
  /** The time until a quota begins again: one that is used up, if there is one, or else the next. 0 where the gate has no quota. */
  quotaRenewsInMs: number;
  /** How long the gate stays shut; 0 if it is not shut. */
  shutMs: number;
  /** Since when the gate is shut; null if it is not shut. By the ledger's clock. */
  shutSince: Date | null;
}

/** Consecutive slots that a gate has granted. Times count from the instant of the grant, by the database. */
export interface Grant extends GateView {
  granted: number;
  /** The time until the instant of the first slot; negative where it is past. */
  firstInMs: number;
  /** How long each slot may be used after its instant; null where the gate has no rate. */
  lifetimeMs: number | null;
  /** The beginning of the hour to whose quota, and to the quota of whose UTC day, the slots count. */
  hour: string;
}

/** Rate limits and quotas in PostgreSQL, shared by all workers. Quotas count clock hours and days in UTC. A gate that does not exist is open. */
export interface Gates {
  /**
   * Grants up to `wanted` slots, after leaving out `skipped` slots, or the slots of one second if that is less. Null where the gate does not
   * exist. `at` is for tests; otherwise the database's clock counts.
   */
  grant(input: { key: string; wanted: number; skipped?: number; at?: Date }): Promise<Grant | null>;
  /** Returns unused slots to the quotas of their hour and day. A rate does not get them back: its limit relies on that. */
  giveBack(input: { key: string; slots: number; hour: string }): Promise<void>;
  /** Shuts a gate for a time; one that is shut for longer stays so. Operators see `reason`: it must not contain credentials or addresses. */
  shut(input: { key: string; forMs: number; reason: string }): Promise<void>;
  /** Creates the gate with this rate, or changes its rate. */
  ensure(input: { key: string; perSecond: number; burst: number }): Promise<void>;
  /** Reads the state of gates, without those that do not exist. `at` is for tests. */
  look(keys: readonly string[], at?: Date): Promise<Map<string, GateView>>;
}

/**
 * The pacing of a gate `g` at an instant `now`, in seconds: the gap between slots (`gap`), how long a slot may be used (`lifetime`), and how
 * far in the past the first slot after a pause may lie (`lag`).
 *
 * A gate is a generic cell rate algorithm (https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm) whose arrivals are granted ahead:
 * slots lie at least an interval apart, over all workers, and each may be used from its instant until a lifetime later. What leaves
 * within a second used slots whose instants lie within 1 s + lifetime: no more than floor((1 s + lifetime) / interval) + 1 of them. That
 * is at most N = floor(rate + burst) as long as 1 s + lifetime is less than N intervals, whichever workers hold the slots and however long a
 * server freezes. So the lifetime is the length of N intervals minus one second, less a millisecond for rounding.
 *
 * A server that froze may accept late messages all at once. To compensate, as many slots are left out of the sequence: they lie within the
 * second in which the server accepts the messages, so that as many fewer leave. After that second there is nothing to compensate.
 *
 * A burst consists of slots that are used late. Where the burst is too small for the lateness of timers and connections, the slots lie up to
 * 4% further apart, so that the lifetime is never less than 39 ms. Beyond its burst no slot is kept longer than 2 s.
 */
const pacing = `LATERAL (
    SELECT floor(g.permits_per_second + g.burst) AS most
  ) AS bound, LATERAL (
    SELECT greatest(1 / g.permits_per_second, 1.04 / most) AS gap
  ) AS spacing, LATERAL (
    SELECT least(most * gap - 1.001, (g.burst - 1) * gap + 2) AS lifetime
  ) AS validity, LATERAL (
    -- A granted slot can be used for at least 20 ms.
    SELECT greatest(0, least((g.burst - 1) * gap, lifetime - 0.02)) AS lag
  ) AS burstiness, LATERAL (
    SELECT extract(epoch FROM g.next_slot_at - now)::float8 AS next
  ) AS known, LATERAL (
    -- The next slot lies further ahead than the rate allows if the clock was set back or the rate was slower: it is then moved to the horizon.
    SELECT CASE WHEN next > greatest(1, ${horizonMs} / 1000.0 + gap) THEN ${horizonMs} / 1000.0 ELSE greatest(next, -lag) END AS first
  ) AS upcoming, LATERAL (
    SELECT (now AT TIME ZONE 'UTC')::date AS today, date_trunc('hour', now, 'UTC') AS this_hour
  ) AS calendar, LATERAL (
    SELECT g.daily_quota - CASE WHEN g.quota_day = today THEN g.used_today ELSE 0 END AS left_today,
      g.hourly_quota - CASE WHEN g.quota_hour = this_hour THEN g.used_this_hour ELSE 0 END AS left_this_hour
  ) AS quota`;

/** The columns of a `GateView`. `next` is the next slot in seconds from `now`, and `taken` the number of slots that are granted now. */
const viewColumns = (next: string, taken: string) => `
  1000 * gap AS "intervalMs", 1000 * lag AS "lagMs", 1000 * (${next}) AS "nextInMs",
  CASE WHEN num_nonnulls(left_today, left_this_hour) > 0 THEN greatest(0, least(left_today, left_this_hour) - ${taken}) END::int AS "quotaLeft",
  ceil(1000 * extract(epoch FROM CASE
    WHEN left_today <= ${taken} OR (left_today IS NOT NULL AND left_this_hour IS NULL) THEN (today + 1)::timestamp AT TIME ZONE 'UTC'
    WHEN left_this_hour IS NOT NULL THEN this_hour + interval '1 hour'
    ELSE now END - now))::float8 AS "quotaRenewsInMs",
  ceil(1000 * greatest(0, extract(epoch FROM shut_until - now)))::float8 AS "shutMs", CASE WHEN shut_until > now THEN shut_since END AS "shutSince"`;

/** The clock is read once the row is locked, so that slots are granted in the order of their instants. */
const grantSlots = defineStatement<
  { key: string; wanted: number; skipped: number; at: Date | null },
  GrantedRow
>(
  `
  WITH held AS MATERIALIZED (SELECT * FROM gates WHERE key = :key FOR UPDATE),
  g AS MATERIALIZED (SELECT *, coalesce(:at::timestamptz, ledger_now()) AS now FROM held),
  state AS MATERIALIZED (
    SELECT g.*, gap, lifetime, lag, start, today, this_hour, left_today, left_this_hour, CASE WHEN shut_until > now THEN 0
      ELSE greatest(0, least(:wanted::int, floor((${horizonMs} / 1000.0 - start) / gap) + 1, left_today, left_this_hour))::int END AS granted
    FROM g, ${pacing}, LATERAL (
      SELECT least(first + :skipped::int * gap, greatest(first, 1)) AS start
    ) AS remaining
  ),
  taken AS (
    UPDATE gates SET next_slot_at = now + (start + granted * gap) * interval '1 second',
      used_today = CASE WHEN quota_day = today THEN used_today ELSE 0 END + granted, quota_day = today,
      used_this_hour = CASE WHEN quota_hour = this_hour THEN used_this_hour ELSE 0 END + granted, quota_hour = this_hour
    FROM (SELECT key, now, start, granted, gap, today, this_hour FROM state WHERE granted + :skipped::int > 0) AS s WHERE gates.key = s.key
  )
  SELECT granted, coalesce(1000 * start, 0) AS "firstInMs", 1000 * lifetime AS "lifetimeMs", this_hour::text AS hour,
    ${viewColumns("start + granted * gap", "granted")}
  FROM state`,
  "grant-slots",
);

/** A slot of an earlier hour or day does not count to the quota of this one. */
const giveBackSlots = defineStatement<{ key: string; slots: number; hour: string }>(
  `
  UPDATE gates SET used_today = greatest(0, used_today - :slots::int),
    used_this_hour = greatest(0, used_this_hour - CASE WHEN quota_hour = :hour::timestamptz THEN :slots::int ELSE 0 END)
  WHERE key = :key AND quota_day = (:hour::timestamptz AT TIME ZONE 'UTC')::date`,
  "give-back-slots",
);

/** A gate that is still shut has been shut since it was first shut. A pause for longer than an operator's stop takes its place. */
const shutGate = defineStatement<{ key: string; forMs: number; reason: string }>(
  `
  INSERT INTO gates (key, shut_until, shut_since, shut_reason) VALUES (:key::text, ledger_now() + :forMs::float8 * interval '1 millisecond', ledger_now(), :reason::text)
  ON CONFLICT (key) DO UPDATE SET shut_until = excluded.shut_until, shut_reason = excluded.shut_reason, shut_by = NULL,
    shut_since = CASE WHEN gates.shut_until > excluded.shut_since THEN gates.shut_since ELSE excluded.shut_since END
  WHERE gates.shut_until IS NULL OR gates.shut_until < excluded.shut_until`,
  "shut-gate",
);

/** Sets the limits of a gate, and creates it where it does not exist. A gate that already has these limits is not locked. */
export const setGate = defineStatement<GateLimits & { key: string }>(
  `
  INSERT INTO gates (key, permits_per_second, burst, hourly_quota, daily_quota)
  SELECT :key::text, :permitsPerSecond::float8, :burst::int, :hourlyQuota::int, :dailyQuota::int
  WHERE NOT EXISTS (
    SELECT FROM gates WHERE key = :key::text AND permits_per_second IS NOT DISTINCT FROM :permitsPerSecond::float8 AND burst = :burst::int
      AND hourly_quota IS NOT DISTINCT FROM :hourlyQuota::int AND daily_quota IS NOT DISTINCT FROM :dailyQuota::int
  )
  ON CONFLICT (key) DO UPDATE SET permits_per_second = excluded.permits_per_second, burst = excluded.burst,
    hourly_quota = excluded.hourly_quota, daily_quota = excluded.daily_quota`,
  "set-gate",
);

/** Sets a rate without quotas, as campaigns and releases have it. */
export async function setRate(
  execute: Execute,
  { key, perSecond, burst }: { key: string; perSecond: number; burst: number },
): Promise<void> {
  const limits = { permitsPerSecond: perSecond, burst, hourlyQuota: null, dailyQuota: null };
  await execute(setGate, { key, ...limits });
}

const clearLimitsStatement = defineStatement<{ key: string }>(`
  UPDATE gates SET permits_per_second = NULL, hourly_quota = NULL, daily_quota = NULL WHERE key = :key::text AND shut_until IS NOT NULL`);
const removeUnshutStatement = defineStatement<{ key: string }>(
  "DELETE FROM gates WHERE key = :key::text AND shut_until IS NULL",
);

/** Removes the limits of a gate. One that is shut stays so. A gate with neither no longer exists. */
export async function clearLimits(execute: Execute, key: string): Promise<void> {
  await execute(removeUnshutStatement, { key });
  await execute(clearLimitsStatement, { key });
}

const lockLimitsStatement = defineStatement<
  { keys: readonly string[] },
  GateLimits & { key: string }
>(`
  SELECT key, permits_per_second AS "permitsPerSecond", burst, hourly_quota AS "hourlyQuota", daily_quota AS "dailyQuota" FROM gates
  WHERE key = ANY (:keys::text[]) ORDER BY key FOR UPDATE`);

/** Reads the limits of gates, and locks them against changes until the end of the transaction. */
export async function lockLimits(
  execute: Execute,
  keys: readonly string[],
): Promise<Map<string, GateLimits>> {
  const rows = await execute(lockLimitsStatement, { keys });
  return new Map(rows.map(({ key, ...limits }) => [key, limits]));
}

const readGates = defineStatement<
  { keys: readonly string[]; at: Date | null },
  ViewRow & { key: string }
>(
  `
  WITH g AS (SELECT *, coalesce(:at::timestamptz, ledger_now()) AS now FROM gates WHERE key = ANY (:keys::text[]))
  SELECT key, ${viewColumns("first", "0")} FROM g, ${pacing}`,
  "look-at-gates",
);

/** Whether an operator has shut the gate. */
const isStopped = "(shut_by IS NOT NULL AND shut_until > ledger_now())";

const removeUnlimitedStatement = defineStatement<{ key: string; stopToo: boolean }>(
  `DELETE FROM gates WHERE key = :key::text AND num_nonnulls(permits_per_second, hourly_quota, daily_quota) = 0 AND (:stopToo::boolean OR NOT ${isStopped})`,
);
const reopenStatement = defineStatement<{ key: string; stopToo: boolean }>(
  `UPDATE gates SET shut_until = NULL, shut_since = NULL, shut_reason = NULL, shut_by = NULL
   WHERE key = :key::text AND shut_until IS NOT NULL AND (:stopToo::boolean OR NOT ${isStopped})`,
);

async function reopen(execute: Execute, key: string, stopToo: boolean): Promise<void> {
  await execute(removeUnlimitedStatement, { key, stopToo });
  await execute(reopenStatement, { key, stopToo });
}

/** Ends a pause that a provider asked for. The limits of the gate stay, and so does the stop of an operator. */
export const endPause = (execute: Execute, key: string) => reopen(execute, key, false);

/** Opens a gate, no matter who has shut it. Its limits stay. */
export const openGate = (execute: Execute, key: string) => reopen(execute, key, true);

/** Removes the limits of a gate, and ends a pause that a provider asked for. The stop of an operator stays. */
export async function removeLimits(execute: Execute, key: string): Promise<void> {
  await clearLimits(execute, key);
  await endPause(execute, key);
}

interface ViewRow extends Omit<GateView, "pace"> {
  intervalMs: number | null;
  lagMs: number;
  nextInMs: number;
}

interface GrantedRow
  extends ViewRow, Pick<Grant, "granted" | "firstInMs" | "lifetimeMs" | "hour"> {}

function readView<Row extends ViewRow>({ intervalMs, lagMs, nextInMs, ...row }: Row) {
  return { ...row, pace: intervalMs === null ? null : { intervalMs, lagMs, nextInMs } };
}

export function createGates(pool: Pick<Pool, "query">): Gates {
  const execute = executeOn(pool);
  return {
    async grant({ key, wanted, skipped = 0, at = null }) {
      const [row] = await execute(grantSlots, { key, wanted, skipped, at });
      return row ? readView(row) : null;
    },
    async giveBack(input) {
      await execute(giveBackSlots, input);
    },
    async shut(input) {
      await execute(shutGate, input);
    },
    async ensure(rate) {
      await setRate(execute, rate);
    },
    async look(keys, at) {
      const rows = await execute(readGates, { keys, at: at ?? null });
      return new Map(rows.map(({ key, ...row }) => [key, readView(row)]));
    },
  };
}
