import { askingClock, atLedgerTime } from "./ledger-time.ts";
import { MockActivityEnvironment } from "@temporalio/testing";
import type { Pool } from "pg";
import { type CampaignStep, createAdvanceCampaign } from "../../activities/advance-campaign.ts";
import { createChannels } from "../../activities/channels/channels.ts";
import { createDispatcher } from "../../activities/dispatch/index.ts";
import { createLedger } from "../../ledger/ledger.ts";
import { queueName } from "../../domain/delivery/queues.ts";
import { testLinks } from "./links.ts";
import { type Answer, recordingChannel } from "./recording-channel.ts";

const retry = { baseMs: 60_000, capMs: 3_600_000, attempts: 3 };

const noWake = () => Promise.resolve();

/** One step of a campaign's workflow, over a single mailbox. */
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

/** What a worker does for a campaign, without Temporal, over a channel that answers as told. */
export function campaignWorker(pool: Pool, answer?: Answer) {
  const recording = recordingChannel(answer);
  const woken: string[] = [];
  const wake = async (queue: string) => void woken.push(queue);
  const ledger = createLedger(pool);
  const { dispatch } = createDispatcher({
    pool,
    clock: askingClock(pool),
    ledger,
    channels: createChannels([recording.channel]),
    retry,
    mailboxShards: 1,
    answersMs: 20_000,
    links: testLinks,
    wake,
    lingerMs: 0,
  });

  /** One step of the campaign's workflow; freezes the audience if its time has come. */
  const advance = (campaignId: string, at?: Date): Promise<CampaignStep> =>
    advanceCampaign(pool, campaignId, { ...(at && { at }), wake });

  const dispatchOf = (queue: string, at?: Date) =>
    atLedgerTime(
      pool,
      at,
      () => new MockActivityEnvironment().run(dispatch, { queue }) as ReturnType<typeof dispatch>,
    );

  /** One dispatch of each lane. */
  async function drain(campaignId: string, lanes: readonly number[], at?: Date): Promise<void> {
    await Promise.all(
      lanes.map((lane) => dispatchOf(queueName({ kind: "lane", campaignId, lane }), at)),
    );
  }

  return {
    ...recording,
    /** Queues that were woken. */
    woken,
    advance,
    dispatch: dispatchOf,
    drain,
    /** As its workflow would, to where it has to wait for something: the step it is at then. */
    async run(campaignId: string, at?: Date): Promise<CampaignStep> {
      const step = await advance(campaignId, at);
      if (step.next !== "drain") return step;
      await drain(campaignId, step.lanes, at);
      return advance(campaignId, at);
    },
  };
}
