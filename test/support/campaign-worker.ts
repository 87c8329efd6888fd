import { MockActivityEnvironment } from "@temporalio/testing";
import type { Pool } from "pg";
import { type CampaignStep, createAdvanceCampaign } from "../../activities/campaign.ts";
import { createDispatcher } from "../../activities/dispatcher.ts";
import { createLedger } from "../../activities/ledger.ts";
import { queueName } from "../../domain/queues.ts";
import { testLinks } from "./links.ts";
import { type Answer, recordingChannel } from "./recording-channel.ts";

const retry = { baseMs: 60_000, capMs: 3_600_000, attempts: 3 };

/** What a worker does for a campaign, without Temporal, over a channel that answers as told. */
export function campaignWorker(pool: Pool, answer?: Answer) {
  const recording = recordingChannel(answer);
  const ledger = createLedger(pool);
  const dispatch = createDispatcher({
    pool,
    ledger,
    channel: recording.channel,
    retry,
    inFlightBound: 10,
    mailboxShards: 1,
    links: testLinks,
    wake: () => Promise.resolve(),
  });
  const advanceCampaign = createAdvanceCampaign({ pool });

  /** One step of the campaign's workflow; freezes the audience if its time has come. */
  const advance = (campaignId: string, asOf = new Date()): Promise<CampaignStep> =>
    new MockActivityEnvironment().run(advanceCampaign, {
      campaignId,
      asOf: asOf.toISOString(),
    }) as Promise<CampaignStep>;

  /** One dispatch of each lane. */
  async function drain(campaignId: string, lanes: readonly number[]): Promise<void> {
    await Promise.all(
      lanes.map((lane) =>
        new MockActivityEnvironment().run(dispatch, {
          queue: queueName({ kind: "lane", campaignId, lane }),
          asOf: new Date().toISOString(),
        }),
      ),
    );
  }

  return {
    ...recording,
    advance,
    drain,
    /** As its workflow would, to where it has to wait for something: the step it is at then. */
    async run(campaignId: string): Promise<CampaignStep> {
      const step = await advance(campaignId);
      if (step.next !== "drain") return step;
      await drain(campaignId, step.lanes);
      return advance(campaignId);
    },
  };
}
