import type { Pool } from "pg";
import type { Channel } from "../domain/channel.ts";
import { sourceRuns } from "./conditions.ts";

/** Counts the deliveries of each channel that are due and may be handed over now. Reads all open deliveries. */
export async function countAhead(pool: Pick<Pool, "query">): Promise<Map<Channel, number>> {
  const { rows } = await pool.query<{ channel: Channel; count: number }>(
    `SELECT d.channel, count(*)::int AS count FROM open_deliveries d
     WHERE d.lease_until IS NULL AND d.due_at <= ledger_now() AND ${sourceRuns("d")} GROUP BY d.channel`,
  );
  return new Map(rows.map(({ channel, count }) => [channel, count]));
}
