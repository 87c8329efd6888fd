import { z } from "@hono/zod-openapi";
import type { Pool } from "pg";
import type { DeliveryStatus } from "../../domain/delivery/status.ts";
import { maxStages, stageLeg, stageOfLeg } from "../../domain/policy/route.ts";
import { statusCounts, sumCounts } from "../deliveries/store.ts";

/** The counts of the later stages of a notification. */
export const stageCounts = z
  .array(
    z.object({
      stage: z.number().int().openapi({
        description: "The number of the stage; the first stage of a route is 0",
        example: 1,
      }),
      counts: statusCounts,
    }),
  )
  .openapi({
    description:
      "The deliveries of each later stage of a route that has any. `counts` of the notification are those of the first stage",
  });

const laterLegs = Array.from({ length: maxStages - 1 }, (_, index) => stageLeg(index + 1));

/** Counts the deliveries of the later stages of a notification by status, in the order of the stages. Stages without deliveries are left out. */
export async function readStageCounts(
  pool: Pool,
  notificationId: string,
): Promise<z.output<typeof stageCounts>> {
  const { rows } = await pool.query<{ leg: string; status: DeliveryStatus; count: number }>(
    "SELECT leg, status, count(*)::int AS count FROM deliveries WHERE notification_id = $1::uuid AND leg = ANY($2::text[]) GROUP BY 1, 2",
    [notificationId, laterLegs],
  );
  return laterLegs.flatMap((leg) => {
    const found = rows.filter((row) => row.leg === leg);
    return found.length === 0 ? [] : [{ stage: stageOfLeg(leg)!, counts: sumCounts(found) }];
  });
}
