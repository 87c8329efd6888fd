import { setTimeout as sleep } from "node:timers/promises";
import type { Pool } from "pg";
import { acknowledgedAfterMs } from "../../domain/delivery/stops.ts";
import { laneNames } from "../../domain/delivery/queues.ts";
import { publicId } from "../../domain/ids.ts";
import { countInFlight, readCampaign } from "../../ledger/campaign-rows.ts";
import { executeOn } from "../../ledger/sql.ts";

/**
 * Waits until every worker obeys a committed stop or edit of the campaign: once this resolves, no hand-over that the change stops
 * begins. Before the audience is frozen there is nothing to wait for.
 * @returns how many of its messages were being handed over at that moment; these may still be sent
 */
export async function waitForWorkers(pool: Pool, id: string): Promise<{ inFlight: number }> {
  const campaign = await readCampaign(pool, id);
  if (!campaign?.frozenAt) return { inFlight: 0 };
  await sleep(acknowledgedAfterMs);
  const lanes = laneNames(publicId("campaign", id), campaign.laneCount);
  return { inFlight: await countInFlight(executeOn(pool), { id, lanes }) };
}
