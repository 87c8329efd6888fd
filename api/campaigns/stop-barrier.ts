import { setTimeout as sleep } from "node:timers/promises";
import type { Pool } from "pg";
import { acknowledgedAfterMs } from "../../domain/delivery/stops.ts";
import { laneNames } from "../../domain/delivery/queues.ts";
import { publicId } from "../../domain/ids.ts";
import { countInFlight, readCampaign } from "../../ledger/campaign-rows.ts";
import { executeOn } from "../../ledger/sql.ts";

/**
 * Waits until a stop or an edit of the campaign that is committed holds for every worker: no hand-over that it stops begins once this
 * has resolved. Where its audience is not frozen nothing has to be waited for.
 * @returns how many of its messages were being handed over at that moment: these may still be sent
 */
export async function waitForWorkers(pool: Pool, id: string): Promise<{ inFlight: number }> {
  const campaign = await readCampaign(pool, id);
  if (!campaign?.frozenAt) return { inFlight: 0 };
  await sleep(acknowledgedAfterMs);
  const lanes = laneNames(publicId("campaign", id), campaign.laneCount);
  return { inFlight: await countInFlight(executeOn(pool), { id, lanes }) };
}
