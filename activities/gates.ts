import type { Pool } from "pg";

/** What a gate grants. Without a permit, `opensInMs` says when to ask again. */
interface Grant {
  granted: number;
  opensInMs: number;
}

/** Shared limits, in PostgreSQL, so that all workers together keep them. A gate that does not exist is open. */
export interface Gates {
  /** Takes up to `wanted` permits. A closed gate says how long until it has one. */
  take(input: { key: string; wanted: number; asOf: Date }): Promise<Grant>;
  /** Gives back permits that were not used. */
  giveBack(input: { key: string; permits: number }): Promise<void>;
}

/** A token bucket (https://en.wikipedia.org/wiki/Token_bucket), refilled by the time passed since the last take. */
const takeSql = `
  WITH gate AS (
    SELECT key, permits_per_second, greatest($3::timestamptz, clock_timestamp(), refilled_at) AS now,
      least(burst, permits + permits_per_second * extract(epoch FROM greatest($3::timestamptz, clock_timestamp(), refilled_at) - refilled_at)) AS available
    FROM gates WHERE key = $1 FOR UPDATE
  )
  UPDATE gates g SET permits = gate.available - least($2, floor(gate.available)), refilled_at = gate.now
  FROM gate WHERE g.key = gate.key
  RETURNING least($2, floor(gate.available))::int AS granted, ceil(1000 * (1 - least(1, gate.available)) / gate.permits_per_second)::int AS "opensInMs"`;

export function createGates(pool: Pool): Gates {
  return {
    async take({ key, wanted, asOf }) {
      const { rows } = await pool.query<Grant>({
        name: "take-permits",
        text: takeSql,
        values: [key, wanted, asOf],
      });
      const [gate] = rows;
      return gate
        ? { granted: gate.granted, opensInMs: Math.max(1, gate.opensInMs) }
        : { granted: wanted, opensInMs: 0 };
    },
    async giveBack({ key, permits }) {
      await pool.query({
        name: "give-back-permits",
        text: "UPDATE gates SET permits = least(burst, permits + $2::int) WHERE key = $1",
        values: [key, permits],
      });
    },
  };
}
