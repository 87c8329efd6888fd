import type { Pool } from "pg";

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
const takeSql = `
  WITH held AS MATERIALIZED (SELECT * FROM gates WHERE key = $1 FOR UPDATE),
  moment AS MATERIALIZED (
    SELECT *, greatest($3::timestamptz, clock_timestamp(), refilled_at) AS now FROM held
  ),
  filled AS (
    SELECT *, (now AT TIME ZONE 'UTC')::date AS today,
      least(burst, permits + permits_per_second * extract(epoch FROM now - refilled_at)) AS available
    FROM moment
  ),
  state AS MATERIALIZED (
    SELECT filled.*, used,
      CASE WHEN shut_until > now THEN 0
        ELSE greatest(0, least($2::int, CASE WHEN permits_per_second IS NOT NULL THEN floor(available) END, daily_quota - used))::int END AS granted
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
  FROM state`;

/** A permit of an earlier day was none of today's. */
const giveBackSql = `
  UPDATE gates SET permits = least(burst, permits + $2::int),
    used_today = CASE WHEN quota_day = $3::date THEN greatest(0, used_today - $2::int) ELSE used_today END
  WHERE key = $1`;

const shutSql = `
  INSERT INTO gates (key, shut_until, shut_reason) VALUES ($1, $2, $3)
  ON CONFLICT (key) DO UPDATE SET shut_until = excluded.shut_until, shut_reason = excluded.shut_reason
  WHERE gates.shut_until IS NULL OR gates.shut_until < excluded.shut_until`;

/** Nearly always it is there: then nothing is locked. */
const ensureSql = `
  INSERT INTO gates (key, permits_per_second, burst, permits)
  SELECT $1::text, $2::float8, $3::int, $3::int WHERE NOT EXISTS (SELECT FROM gates WHERE key = $1::text AND permits_per_second = $2::float8 AND burst = $3::int)
  ON CONFLICT (key) DO UPDATE SET permits_per_second = excluded.permits_per_second, burst = excluded.burst,
    permits = least(gates.permits, excluded.burst)`;

const lookSql = `
  SELECT key, permits_per_second IS NOT NULL OR daily_quota IS NOT NULL AS counted,
    ceil(1000 * greatest(0, extract(epoch FROM shut_until - now)))::float8 AS "shutMs",
    ceil(1000 * greatest(0,
      CASE WHEN quota_day = (now AT TIME ZONE 'UTC')::date AND used_today >= daily_quota
        THEN extract(epoch FROM (quota_day + 1)::timestamp AT TIME ZONE 'UTC' - now) END,
      (1 - permits) / permits_per_second - extract(epoch FROM now - refilled_at)))::float8 AS "emptyMs"
  FROM gates, LATERAL (SELECT clock_timestamp() AS now) AS clock WHERE key = ANY ($1::text[])`;

interface Taken {
  granted: number;
  /** The UTC day that they are of. */
  day: string;
  /** Null where nothing stands in the way. */
  opensInMs: number | null;
}

export function createGates(pool: Pick<Pool, "query">): Gates {
  return {
    async take({ key, wanted, asOf }) {
      const { rows } = await pool.query<Taken>({
        name: "take-permits",
        text: takeSql,
        values: [key, wanted, asOf],
      });
      const [taken] = rows;
      if (!taken) return unlimited(wanted);
      const { granted, day, opensInMs } = taken;
      return {
        granted,
        // A moment that rounding has made none of would be asked for again at once.
        opensInMs: granted > 0 ? 0 : Math.max(1, opensInMs ?? 0),
        closed: granted > 0 ? null : key,
        async giveBack(permits) {
          if (permits > 0)
            await pool.query({
              name: "give-back-permits",
              text: giveBackSql,
              values: [key, permits, day],
            });
        },
      };
    },
    async shut({ key, until, reason }) {
      await pool.query({ name: "shut-gate", text: shutSql, values: [key, until, reason] });
    },
    async ensure({ key, perSecond, burst }) {
      await pool.query({ name: "ensure-gate", text: ensureSql, values: [key, perSecond, burst] });
    },
    async look(keys) {
      const { rows } = await pool.query<GateView & { key: string }>({
        name: "look-at-gates",
        text: lookSql,
        values: [keys],
      });
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
