import { z } from "@hono/zod-openapi";
import type { Pool } from "pg";
import { channels, type Channel } from "../../domain/channel.ts";

/** The channels that a delivery left because they were out of service, as every route shows them. */
export const outagesAnswer = z
  .array(
    z.object({
      channel: z.enum(channels).openapi({ example: "email" }),
      since: z.iso.datetime().openapi({
        description: "Since when the channel was out of service",
        example: "2027-03-01T09:00:00.000Z",
      }),
      leftAt: z.iso.datetime().openapi({
        description: "When the delivery left the channel",
        example: "2027-03-01T09:01:00.000Z",
      }),
    }),
  )
  .openapi({
    description: "Those of the channels that the delivery left because they were out of service",
    example: [],
  });

/** A value of `outagesAnswer`, as the ledger records it. */
export type Outage = { channel: Channel; since: string; leftAt: string };

const instantText = (column: string) =>
  `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/** SQL of the outages of a delivery `d`. What an operator's retry has undone is left out. */
export const outagesOf = (
  d: string,
) => `CASE WHEN cardinality(${d}.failed_channels) > 0 THEN coalesce(
    (SELECT jsonb_agg(jsonb_build_object('channel', v.channel, 'since', ${instantText("v.out_since")}, 'leftAt', ${instantText("v.diverted_at")}) ORDER BY v.diverted_at, v.channel)
     FROM diversions v WHERE v.delivery_id = ${d}.id AND v.channel = ANY (${d}.failed_channels)), '[]') ELSE '[]' END`;

/** Reads the outages of a delivery. */
export async function readOutages(pool: Pick<Pool, "query">, id: string): Promise<Outage[]> {
  const { rows } = await pool.query<{ outages: Outage[] }>(
    `SELECT ${outagesOf("d")} AS outages FROM deliveries d WHERE d.id = $1::uuid`,
    [id],
  );
  return rows[0]?.outages ?? [];
}
