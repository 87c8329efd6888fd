import type { Pool } from "pg";
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
  /** The rest of today's quota; null where the gate has no quota. */
  leftToday: number | null;
  /** The time until the next day's quota; 0 where the gate has no quota. */
  dayEndsInMs: number;
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
  /** The UTC day to whose quota the slots count. */
  day: string;
}

/** Rate limits and quotas in PostgreSQL, shared by all workers. A gate that does not exist is open. */
export interface Gates {
  /**
   * Grants up to `wanted` slots, after leaving out `skipped` slots, or the slots of one second if that is less. Null where the gate does not
   * exist. `at` is for tests; otherwise the database's clock counts.
   */
  grant(input: { key: string; wanted: number; skipped?: number; at?: Date }): Promise<Grant | null>;
  /** Returns unused slots to the quota of their day. A rate does not get them back: its limit relies on that. */
  giveBack(input: { key: string; slots: number; day: string }): Promise<void>;
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
    SELECT (now AT TIME ZONE 'UTC')::date AS today
  ) AS calendar, LATERAL (
    SELECT g.daily_quota - CASE WHEN g.quota_day = today THEN g.used_today ELSE 0 END AS left_today
  ) AS quota`;

/** The columns of a `GateView`. `next` is the next slot in seconds from `now`. */
const viewColumns = (next: string, leftToday: string) => `
  1000 * gap AS "intervalMs", 1000 * lag AS "lagMs", 1000 * (${next}) AS "nextInMs", CASE WHEN left_today IS NOT NULL THEN greatest(0, ${leftToday}) END::int AS "leftToday",
  CASE WHEN left_today IS NULL THEN 0 ELSE ceil(1000 * extract(epoch FROM (today + 1)::timestamp AT TIME ZONE 'UTC' - now)) END::float8 AS "dayEndsInMs",
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
    SELECT g.*, gap, lifetime, lag, start, today, left_today, CASE WHEN shut_until > now THEN 0
      ELSE greatest(0, least(:wanted::int, floor((${horizonMs} / 1000.0 - start) / gap) + 1, left_today))::int END AS granted
    FROM g, ${pacing}, LATERAL (
      SELECT least(first + :skipped::int * gap, greatest(first, 1)) AS start
    ) AS remaining
  ),
  taken AS (
    UPDATE gates SET next_slot_at = now + (start + granted * gap) * interval '1 second',
      used_today = CASE WHEN quota_day = today THEN used_today ELSE 0 END + granted, quota_day = today
    FROM (SELECT key, now, start, granted, gap, today FROM state WHERE granted + :skipped::int > 0) AS s WHERE gates.key = s.key
  )
  SELECT granted, coalesce(1000 * start, 0) AS "firstInMs", 1000 * lifetime AS "lifetimeMs", today::text AS day,
    ${viewColumns("start + granted * gap", "left_today - granted")}
  FROM state`,
  "grant-slots",
);

/** A slot of an earlier day does not count to today's quota. */
const giveBackSlots = defineStatement<{ key: string; slots: number; day: string }>(
  `
  UPDATE gates SET used_today = greatest(0, used_today - :slots::int)
  WHERE key = :key AND quota_day = :day::date`,
  "give-back-slots",
);

/** A gate that is still shut has been shut since it was first shut. */
const shutGate = defineStatement<{ key: string; forMs: number; reason: string }>(
  `
  INSERT INTO gates (key, shut_until, shut_since, shut_reason) VALUES (:key::text, ledger_now() + :forMs::float8 * interval '1 millisecond', ledger_now(), :reason::text)
  ON CONFLICT (key) DO UPDATE SET shut_until = excluded.shut_until, shut_reason = excluded.shut_reason,
    shut_since = CASE WHEN gates.shut_until > excluded.shut_since THEN gates.shut_since ELSE excluded.shut_since END
  WHERE gates.shut_until IS NULL OR gates.shut_until < excluded.shut_until`,
  "shut-gate",
);

/** Sets the limits of a gate, and creates it where it does not exist. A gate that already has these limits is not locked. */
export const setGate = defineStatement<{
  key: string;
  /** Null for no rate. */
  perSecond: number | null;
  burst: number;
  /** Null for no quota. */
  dailyQuota: number | null;
}>(
  `
  INSERT INTO gates (key, permits_per_second, burst, daily_quota)
  SELECT :key::text, :perSecond::float8, :burst::int, :dailyQuota::int
  WHERE NOT EXISTS (
    SELECT FROM gates WHERE key = :key::text AND permits_per_second IS NOT DISTINCT FROM :perSecond::float8 AND burst = :burst::int
      AND daily_quota IS NOT DISTINCT FROM :dailyQuota::int
  )
  ON CONFLICT (key) DO UPDATE SET permits_per_second = excluded.permits_per_second, burst = excluded.burst, daily_quota = excluded.daily_quota`,
  "set-gate",
);

const readGates = defineStatement<
  { keys: readonly string[]; at: Date | null },
  ViewRow & { key: string }
>(
  `
  WITH g AS (SELECT *, coalesce(:at::timestamptz, ledger_now()) AS now FROM gates WHERE key = ANY (:keys::text[]))
  SELECT key, ${viewColumns("first", "left_today")} FROM g, ${pacing}`,
  "look-at-gates",
);

const removeStatement = defineStatement<{ key: string }>(
  "DELETE FROM gates WHERE key = :key::text",
);

/** Removes a gate with its limits. */
export async function removeGate(execute: Execute, key: string): Promise<void> {
  await execute(removeStatement, { key });
}

const removeUnlimitedStatement = defineStatement<{ key: string }>(
  "DELETE FROM gates WHERE key = :key::text AND num_nonnulls(permits_per_second, daily_quota) = 0",
);
const reopenStatement = defineStatement<{ key: string }>(
  "UPDATE gates SET shut_until = NULL, shut_since = NULL, shut_reason = NULL WHERE key = :key::text",
);

/** Reopens a gate that is shut; its limits stay. */
export async function reopenGate(execute: Execute, key: string): Promise<void> {
  await execute(removeUnlimitedStatement, { key });
  await execute(reopenStatement, { key });
}

interface ViewRow extends Omit<GateView, "pace"> {
  intervalMs: number | null;
  lagMs: number;
  nextInMs: number;
}

interface GrantedRow extends ViewRow, Pick<Grant, "granted" | "firstInMs" | "lifetimeMs" | "day"> {}

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
    async ensure({ key, perSecond, burst }) {
      await execute(setGate, { key, perSecond, burst, dailyQuota: null });
    },
    async look(keys, at) {
      const rows = await execute(readGates, { keys, at: at ?? null });
      return new Map(rows.map(({ key, ...row }) => [key, readView(row)]));
    },
  };
}
