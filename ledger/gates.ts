import type { Pool } from "pg";
import { defineStatement, type Execute, executeOn } from "./sql.ts";

/** Slots are granted no further ahead than this: what a worker takes with it when it dies is less than that much of the rate. */
export const horizonMs = 200;

/** When a gate's slots come, in milliseconds. */
export interface Pace {
  /** Between one slot and the next. */
  intervalMs: number;
  /** How far back the first slot after a pause may lie: that is its burst. */
  lagMs: number;
  /** Until the next slot that nobody has been granted, or from it where it is past. */
  nextInMs: number;
}

/** What limits a gate at a moment. */
export interface GateView {
  /** Null: no rate. */
  pace: Pace | null;
  /** What is left of today's quota; null: no quota. */
  leftToday: number | null;
  /** Until the next day's quota, from now; 0 where there is no quota. */
  dayEndsInMs: number;
  /** How long it stays shut, from now; 0 if it is not. */
  shutMs: number;
}

/** Slots that a gate grants: consecutive ones, counted from the instant at which the database granted them. */
export interface Grant extends GateView {
  granted: number;
  /** Until the first slot may be used; below zero where it lies in the past. */
  firstInMs: number;
  /** How long each slot may be used once its instant has come; null: no rate says when. */
  lifetimeMs: number | null;
  /** The UTC day of whose quota they are. */
  day: string;
}

/** Shared limits, in PostgreSQL, so that all workers together keep them. A gate that does not exist is open. */
export interface Gates {
  /**
   * Grants up to `wanted` slots, after those that nobody is to have: `skipped` of them, or those of a second if that is less. Null where
   * there is no such gate. Tests name the instant; otherwise it is the database's.
   */
  grant(input: { key: string; wanted: number; skipped?: number; at?: Date }): Promise<Grant | null>;
  /** Gives slots that were not used back to their day's quota. To a rate they are lost: its bound rests on that. */
  giveBack(input: { key: string; slots: number; day: string }): Promise<void>;
  /** Lets nothing through for so long. One that is shut for longer stays so. `reason` is for people: no credentials, no addresses. */
  shut(input: { key: string; forMs: number; reason: string }): Promise<void>;
  /** Makes a gate of this rate, where there is none or one of another. */
  ensure(input: { key: string; perSecond: number; burst: number }): Promise<void>;
  /** The gates that exist, of those asked for. Takes nothing. Tests name the instant. */
  look(keys: readonly string[], at?: Date): Promise<Map<string, GateView>>;
}

/**
 * Of a gate `g` at an instant `now`, in seconds: the gap between its slots, how long a slot may be used (`lifetime`), and how far back
 * the first one after a pause may lie (`lag`).
 *
 * A gate is a generic cell rate algorithm (https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm) whose arrivals are granted ahead:
 * slots lie at least an interval apart, over all workers, and each may be used from its instant until a lifetime later. What leaves
 * within a second used slots whose instants lie within 1 s + lifetime: no more than floor((1 s + lifetime) / interval) + 1 of them. That
 * is at most N = floor(rate + burst) as long as 1 s + lifetime is less than N intervals, whoever holds the slots and however long a
 * server freezes. So the lifetime is what N intervals are longer than a second, less a millisecond for rounding.
 *
 * What a server that stood still takes late, all at once, is made up for by slots that nobody is granted, in the same sequence: they lie
 * within the second in which it is taken, where as many fewer leave. Beyond that second there is nothing to make up for.
 *
 * A burst is nothing else than slots that are used late. Where it is too small to allow for the lateness of timers and connections,
 * the slots lie up to 4% further apart, so that the lifetime is never less than 39 ms. Beyond its burst no slot is kept longer than 2 s.
 */
const pacing = `LATERAL (
    SELECT floor(g.permits_per_second + g.burst) AS most
  ) AS bound, LATERAL (
    SELECT greatest(1 / g.permits_per_second, 1.04 / most) AS gap
  ) AS spacing, LATERAL (
    SELECT least(most * gap - 1.001, (g.burst - 1) * gap + 2) AS lifetime
  ) AS validity, LATERAL (
    -- A slot that is granted can be used for 20 ms, if only just.
    SELECT greatest(0, least((g.burst - 1) * gap, lifetime - 0.02)) AS lag
  ) AS burstiness, LATERAL (
    SELECT extract(epoch FROM g.next_slot_at - now)::float8 AS next
  ) AS known, LATERAL (
    -- Where the next slot lies further ahead than it can, the clock was set back, or the rate was slower: then it comes as soon as it can.
    SELECT CASE WHEN next > greatest(1, ${horizonMs} / 1000.0 + gap) THEN ${horizonMs} / 1000.0 ELSE greatest(next, -lag) END AS first
  ) AS upcoming, LATERAL (
    SELECT (now AT TIME ZONE 'UTC')::date AS today
  ) AS calendar, LATERAL (
    SELECT g.daily_quota - CASE WHEN g.quota_day = today THEN g.used_today ELSE 0 END AS left_today
  ) AS quota`;

/** What the API and workers learn of it. `next` is the next slot in seconds from `now`. */
const viewColumns = (next: string, leftToday: string) => `
  1000 * gap AS "intervalMs", 1000 * lag AS "lagMs", 1000 * (${next}) AS "nextInMs", CASE WHEN left_today IS NOT NULL THEN greatest(0, ${leftToday}) END::int AS "leftToday",
  CASE WHEN left_today IS NULL THEN 0 ELSE ceil(1000 * extract(epoch FROM (today + 1)::timestamp AT TIME ZONE 'UTC' - now)) END::float8 AS "dayEndsInMs",
  ceil(1000 * greatest(0, extract(epoch FROM shut_until - now)))::float8 AS "shutMs"`;

/** What `now` is is asked once the row is ours: slots are granted in the order of their instants. */
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

/** A slot of an earlier day was none of today's. */
const giveBackSlots = defineStatement<{ key: string; slots: number; day: string }>(
  `
  UPDATE gates SET used_today = greatest(0, used_today - :slots::int)
  WHERE key = :key AND quota_day = :day::date`,
  "give-back-slots",
);

const shutGate = defineStatement<{ key: string; forMs: number; reason: string }>(
  `
  INSERT INTO gates (key, shut_until, shut_reason) VALUES (:key::text, ledger_now() + :forMs::float8 * interval '1 millisecond', :reason::text)
  ON CONFLICT (key) DO UPDATE SET shut_until = excluded.shut_until, shut_reason = excluded.shut_reason
  WHERE gates.shut_until IS NULL OR gates.shut_until < excluded.shut_until`,
  "shut-gate",
);

/** Gives a gate its limits, and makes it where there is none. One that has them already, as those of releases nearly always have, is not locked. */
export const setGate = defineStatement<{
  key: string;
  /** Null: no rate. */
  perSecond: number | null;
  burst: number;
  /** Null: no quota. */
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

/** Lifts all that a gate says. */
export async function removeGate(execute: Execute, key: string): Promise<void> {
  await execute(removeStatement, { key });
}

const removeUnlimitedStatement = defineStatement<{ key: string }>(
  "DELETE FROM gates WHERE key = :key::text AND num_nonnulls(permits_per_second, daily_quota) = 0",
);
const reopenStatement = defineStatement<{ key: string }>(
  "UPDATE gates SET shut_until = NULL, shut_reason = NULL WHERE key = :key::text",
);

/** Lets a gate that is shut open at once; its limits stay. */
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
