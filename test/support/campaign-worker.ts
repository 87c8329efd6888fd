import { MockActivityEnvironment } from "@temporalio/testing";
import type { Pool } from "pg";
import { type CampaignStep, createAdvanceCampaign } from "../../activities/advance-campaign.ts";
import { queueName } from "../../domain/delivery/queues.ts";
import { atLedgerTime } from "./ledger-time.ts";
import type { Answer } from "./recording-channel.ts";
import { createRecordingWorker } from "./recording-worker.ts";

const noWake = () => Promise.resolve();

/** Runs one step of a campaign's workflow, over a single mailbox. */
export const advanceCampaign = (
  pool: Pool,
  campaignId: string,
  { at, wake = noWake }: { at?: Date; wake?: (queue: string) => Promise<void> } = {},
): Promise<CampaignStep> =>
  atLedgerTime(
    pool,
    at,
    () =>
      new MockActivityEnvironment().run(createAdvanceCampaign({ pool, mailboxShards: 1, wake }), {
        campaignId,
      }) as Promise<CampaignStep>,
  );

/** A worker for campaigns without Temporal, over a channel that records requests and returns `answer`. */
export function createCampaignWorker(pool: Pool, answer?: Answer) {
  const { wake, ...worker } = createRecordingWorker(pool, { answer });

  /** Runs one step of the campaign's workflow; freezes the audience if its time has come. */
  const advance = (campaignId: string, at?: Date): Promise<CampaignStep> =>
    advanceCampaign(pool, campaignId, { ...(at && { at }), wake });

  /** Runs one dispatch of each lane. */
  async function drain(campaignId: string, lanes: readonly number[], at?: Date): Promise<void> {
    await Promise.all(
      lanes.map((lane) => worker.dispatch(queueName({ kind: "lane", campaignId, lane }), at)),
    );
  }

  return {
    ...worker,
    advance,
    drain,
    /** Does what the workflow does until it has to wait, and returns the step at which it waits. */
    async run(campaignId: string, at?: Date): Promise<CampaignStep> {
      const step = await advance(campaignId, at);
      if (step.next !== "drain") return step;
      await drain(campaignId, step.lanes, at);
      return advance(campaignId, at);
    },
  };
}
