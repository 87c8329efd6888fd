import { MockActivityEnvironment } from "@temporalio/testing";
import type { Pool } from "pg";
import { createChannels } from "../../activities/channels/channels.ts";
import { createDispatcher } from "../../activities/dispatch/index.ts";
import type { Channel as ChannelName } from "../../domain/channel.ts";
import { createLedger, type Ledger } from "../../ledger/ledger.ts";
import { atLedgerTime, createUncachedClock } from "./ledger-time.ts";
import { testLinks } from "./links.ts";
import { type Answer, createRecordingChannel } from "./recording-channel.ts";

/** A worker's `dispatch` without Temporal, over a channel that records requests and returns `answer`, and `others` that send everything. */
export function createRecordingWorker(
  pool: Pool,
  {
    answer,
    ledger = createLedger(pool),
    others = [],
  }: { answer?: Answer | undefined; ledger?: Ledger; others?: readonly ChannelName[] } = {},
) {
  const recording = createRecordingChannel(answer);
  const woken: string[] = [];
  const wake = async (queue: string) => void woken.push(queue);
  const { dispatch } = createDispatcher({
    pool,
    clock: createUncachedClock(pool),
    ledger,
    channels: createChannels([
      recording.channel,
      ...others.map((name) => createRecordingChannel(undefined, { name }).channel),
    ]),
    retry: { baseMs: 60_000, capMs: 3_600_000, attempts: 3 },
    mailboxShards: 1,
    answersMs: 20_000,
    links: testLinks,
    wake,
    lingerMs: 0,
  });
  return {
    ...recording,
    wake,
    /** Queues that were woken. */
    woken,
    /** Runs one round for a queue, at an instant of the ledger's clock if one is given. */
    dispatch: (queue: string, at?: Date, clock: { isStopped?: boolean } = {}) =>
      atLedgerTime(
        pool,
        at,
        () => new MockActivityEnvironment().run(dispatch, { queue }) as ReturnType<typeof dispatch>,
        clock,
      ),
  };
}
