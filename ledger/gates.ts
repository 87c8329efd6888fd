import type { Pool } from "pg";
import { defineStatement, type Execute, executeOn } from "./sql.ts";

/** What a gate grants. */
export interface Permits {
  granted: number;
  /** Where nothing was granted: when to ask again. Otherwise 0. */
  opensInMs: number;
  /** Where nothing was granted: the gate that is closed. */
  closed: string | null;
  /** Gives back permits that were not used. */
  giveBack(permits: number): Promise<void>;
}

/** What limits a gate at a moment. */
export interface GateView {
  /** Its permits are counted. One that is not lets everything through while it is not shut. */
  counted: boolean;
  /** How long it stays shut, from now; 0 if it is not. */
  shutMs: number;
  /** How long it has no permit, from now; 0 if it has one. */
  emptyMs: number;
}

/** Shared limits, in PostgreSQL, so that all workers together keep them. A gate that does not exist is open. */
export interface Gates {
  /** Takes up to `wanted` permits. A closed gate says how long until it has one. */
  take(input: { key: string; wanted: number; asOf: Date }): Promise<Permits>;
  /** Lets nothing through until then. One that is shut for longer stays so. `reason` is for people: no credentials, no addresses. */
  shut(input: { key: string; until: Date; reason: string }): Promise<void>;
  /** Makes a gate of this rate, where there is none or one of another. */
  ensure(input: { key: string; perSecond: number; burst: number }): Promise<void>;
  /** The gates that exist, of those asked for. Takes nothing. */
  look(keys: readonly string[]): Promise<Map<string, GateView>>;
}

/**
 * A token bucket (https://en.wikipedia.org/wiki/Token_bucket), refilled by the time passed since the last take, and a count of the UTC
 * day. What `now` is is asked once the row is ours: time never goes back at a gate.
 */
const takePermits = defineStatement<{ key: string; wanted: number; asOf: Date }, Taken>(
  `
  WITH held AS MATERIALIZED (SELECT * FROM gates WHERE key = :key FOR UPDATE),
  moment AS MATERIALIZED (
    SELECT *, greatest(:asOf::timestamptz, clock_timestamp(), refilled_at) AS now FROM held
  ),
  filled AS (
    SELECT *, (now AT TIME ZONE 'UTC')::date AS today,
      least(burst, permits + permits_per_second * extract(epoch FROM now - refilled_at)) AS available
    FROM moment
  ),
  state AS MATERIALIZED (
    SELECT filled.*, used,
      CASE WHEN shut_until > now THEN 0
        ELSE greatest(0, least(:wanted::int, CASE WHEN permits_per_second IS NOT NULL THEN floor(available) END, daily_quota - used))::int END AS granted
    FROM filled, LATERAL (SELECT CASE WHEN quota_day = today THEN used_today ELSE 0 END AS used) AS day
  ),
  taken AS (
    UPDATE gates g SET refilled_at = s.now, used_today = s.used + s.granted, quota_day = s.today,
      permits = CASE WHEN s.permits_per_second IS NULL THEN g.permits ELSE s.available - s.granted END
    FROM state s WHERE g.key = s.key
  )
  SELECT granted, today::text AS day, ceil(1000 * greatest(
      CASE WHEN shut_until > now THEN extract(epoch FROM shut_until - now) END,
      CASE WHEN used >= daily_quota THEN extract(epoch FROM (today + 1)::timestamp AT TIME ZONE 'UTC' - now) END,
      CASE WHEN permits_per_second IS NOT NULL AND available < 1 THEN (1 - available) / permits_per_second END
    ))::float8 AS "opensInMs"
  FROM state`,
  "take-permits",
);

/** A permit of an earlier day was none of today's. */
const giveBackPermits = defineStatement<{ key: string; permits: number; day: string }>(
  `
  UPDATE gates SET permits = least(burst, permits + :permits::int),
    used_today = CASE WHEN quota_day = :day::date THEN greatest(0, used_today - :permits::int) ELSE used_today END
  WHERE key = :key`,
  "give-back-permits",
);

const shutGate = defineStatement<{ key: string; until: Date; reason: string }>(
  `
  INSERT INTO gates (key, shut_until, shut_reason) VALUES (:key::text, :until::timestamptz, :reason::text)
  ON CONFLICT (key) DO UPDATE SET shut_until = excluded.shut_until, shut_reason = excluded.shut_reason
  WHERE gates.shut_until IS NULL OR gates.shut_until < excluded.shut_until`,
  "shut-gate",
);

/**
 * Gives a gate its limits, and makes it where there is none. Permits that were saved up are cut to the new burst. A gate that has
 * these limits already, as those of releases nearly always have, is not locked.
 */
export const setGate = defineStatement<{
  key: string;
  /** Null: no rate. */
  perSecond: number | null;
  burst: number;
  /** Null: no quota. */
  dailyQuota: number | null;
}>(
  `
  INSERT INTO gates (key, permits_per_second, burst, permits, daily_quota)
  SELECT :key::text, :perSecond::float8, :burst::int, :burst::int, :dailyQuota::int
  WHERE NOT EXISTS (
    SELECT FROM gates WHERE key = :key::text AND permits_per_second IS NOT DISTINCT FROM :perSecond::float8 AND burst = :burst::int
      AND daily_quota IS NOT DISTINCT FROM :dailyQuota::int
  )
  ON CONFLICT (key) DO UPDATE SET permits_per_second = excluded.permits_per_second, burst = excluded.burst,
    permits = least(gates.permits, excluded.burst), daily_quota = excluded.daily_quota`,
  "set-gate",
);

const readGates = defineStatement<{ keys: readonly string[] }, GateView & { key: string }>(
  `
  SELECT key, permits_per_second IS NOT NULL OR daily_quota IS NOT NULL AS counted,
    ceil(1000 * greatest(0, extract(epoch FROM shut_until - now)))::float8 AS "shutMs",
    ceil(1000 * greatest(0,
      CASE WHEN quota_day = (now AT TIME ZONE 'UTC')::date AND used_today >= daily_quota
        THEN extract(epoch FROM (quota_day + 1)::timestamp AT TIME ZONE 'UTC' - now) END,
      (1 - permits) / permits_per_second - extract(epoch FROM now - refilled_at)))::float8 AS "emptyMs"
  FROM gates, LATERAL (SELECT clock_timestamp() AS now) AS clock WHERE key = ANY (:keys::text[])`,
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

interface Taken {
  granted: number;
  /** The UTC day that they are of. */
  day: string;
  /** Null where nothing stands in the way. */
  opensInMs: number | null;
}

export function createGates(pool: Pick<Pool, "query">): Gates {
  const execute = executeOn(pool);
  return {
    async take({ key, wanted, asOf }) {
      const [taken] = await execute(takePermits, { key, wanted, asOf });
      if (!taken) return unlimited(wanted);
      const { granted, day, opensInMs } = taken;
      return {
        granted,
        // A moment that rounding has made none of would be asked for again at once.
        opensInMs: granted > 0 ? 0 : Math.max(1, opensInMs ?? 0),
        closed: granted > 0 ? null : key,
        async giveBack(permits) {
          if (permits > 0) await execute(giveBackPermits, { key, permits, day });
        },
      };
    },
    async shut(input) {
      await execute(shutGate, input);
    },
    async ensure({ key, perSecond, burst }) {
      await executeOn(pool)(setGate, { key, perSecond, burst, dailyQuota: null });
    },
    async look(keys) {
      const rows = await execute(readGates, { keys });
      return new Map(rows.map(({ key, ...view }) => [key, view]));
    },
  };
}

/** What is granted where no gate stands in the way. */
export const unlimited = (granted: number): Permits => ({
  granted,
  opensInMs: 0,
  closed: null,
  giveBack: () => Promise.resolve(),
});
