import type { Pool } from "pg";
import { describeError } from "../config/describe-error.ts";
import { followClocks, checkIntervalMs } from "../config/clocks.ts";
import type { Logger } from "../config/logger.ts";
import { isLane, waitingDigests } from "../domain/delivery/queues.ts";
import { publicId } from "../domain/ids.ts";
import { clocksInUse } from "../domain/time/local-time.ts";
import { adoptRelease } from "../ledger/time-zone-releases.ts";
import type { ChangedRow } from "../ledger/transitions.ts";
import { poll } from "../lib/polling.ts";

/**
 * Makes a worker use the newest time zone data from now on, and makes deliveries wait for a new decision if clocks have changed.
 * A failed step is repeated at the next look.
 * @returns `stop` resolves when no step is running
 */
export function followTimeZoneChanges({
  pool,
  folders,
  mailboxShards,
  wakeQueue,
  wakeCampaign,
  logger,
  everyMs = checkIntervalMs,
}: {
  pool: Pool;
  /** The folders in which the system's data is looked for. */
  folders: readonly string[];
  mailboxShards: number;
  /** Starts the workflow of a queue, or makes it look again. */
  wakeQueue: (queue: string) => Promise<void>;
  /** Starts the workflow of a campaign, or makes it look again. `campaignId` is the public id. */
  wakeCampaign: (campaignId: string) => Promise<void>;
  logger: Pick<Logger, "info" | "warn">;
  everyMs?: number;
}): { stop(): Promise<void> } {
  const look = followClocks(folders, logger);
  let adopted = false;

  /** Wakes queues and campaigns. A lost wake is made up for by the relay. */
  const wake = (rows: readonly ChangedRow[]) => {
    const campaigns = new Set(rows.flatMap(({ campaignId }) => campaignId ?? []));
    const queues = new Set(
      rows.flatMap(({ queue }) => (isLane(queue) || queue === waitingDigests ? [] : queue)),
    );
    void Promise.allSettled([
      ...Array.from(campaigns, (id) => wakeCampaign(publicId("campaign", id))),
      ...Array.from(queues, wakeQueue),
    ]);
  };

  const adopt = async () => {
    const clocks = clocksInUse();
    let deliveries = 0;
    const adoption = await adoptRelease(pool, clocks, {
      mailboxShards,
      released: (rows) => {
        deliveries += rows.length;
        wake(rows);
      },
    });
    adopted = true;
    if ("newer" in adoption)
      logger.warn(
        { version: clocks.version, newer: adoption.newer },
        "another worker uses newer time zone data, so that this worker's data should be updated",
      );
    else if (adoption.changedZones.length > 0)
      logger.info(
        { version: clocks.version, zones: adoption.changedZones.length, deliveries },
        "clocks have changed, so that waiting deliveries are decided again",
      );
  };

  const lookAndAdopt = async () => {
    try {
      if (look()) adopted = false;
      if (!adopted) await adopt();
    } catch (error) {
      logger.warn(
        { error: describeError(error) },
        "the time zone data could not be read or adopted, and is tried again",
      );
    }
  };

  let last = lookAndAdopt();
  const looking = poll(() => (last = last.then(lookAndAdopt)), everyMs);
  return {
    async stop() {
      looking.stop();
      await last;
    },
  };
}
