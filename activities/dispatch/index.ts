import type { Pool } from "pg";
import { createRulebookReader } from "../../ledger/rulebook.ts";
import type { ActionLinks } from "../../domain/action-links.ts";
import type { RetryPolicy } from "../../domain/delivery/settle.ts";
import type { Channels } from "../channels/channels.ts";
import { createGateCache, type GateCache } from "../channels/gate-cache.ts";
import { pauseRefusedCampaign } from "../../ledger/campaign-rows.ts";
import { CampaignRefusals } from "./campaign-refusals.ts";
import { createDispatch } from "./loop.ts";
import { createRepeatLookup } from "../../ledger/repeats.ts";
import { createGates } from "../../ledger/gates.ts";
import { createLedgerClock, type LedgerClock } from "../../ledger/clock.ts";
import type { Ledger } from "../../ledger/ledger.ts";
import { createGrowthWatch } from "../../ledger/growth.ts";
import { createLoad } from "../../ledger/queue-pressure.ts";
import { createDiversions } from "../../ledger/diversions.ts";
import { createMerges } from "../../ledger/merging.ts";
import { createStages } from "../../ledger/stages.ts";
import { createSources } from "../../ledger/sources.ts";
import { createSummaries } from "./content.ts";
import { createSuppressions } from "../../ledger/suppressions.ts";
import type { DispatchOutcome } from "./page.ts";
import { Releases } from "./release.ts";
import { Sender, type SenderDeps } from "./sender.ts";
import type { StandbyDeps } from "./standby.ts";

/** Creates the activity `dispatch` for a worker's channels, with its readers of the ledger's database and its sender. */
export function createDispatcher({
  pool,
  ledger,
  gates = createGateCache({ gates: createGates(pool) }),
  channels,
  clock = createLedgerClock(pool),
  retry,
  mailboxShards,
  links,
  wake,
  onCampaignPaused,
  count,
  onHeld,
  answersMs,
  lingerMs,
  ...standby
}: {
  pool: Pool;
  ledger: Ledger;
  /** The gates of campaigns and of releases. */
  gates?: Pick<GateCache, "watch">;
  channels: Channels;
  clock?: LedgerClock;
  retry: RetryPolicy;
  mailboxShards: number;
  links: ActionLinks;
  /** Starts the workflow of a queue, or makes it look again. */
  wake: (queue: string) => Promise<void>;
  /** Called with the id of a campaign that was paused because providers refuse its messages. */
  onCampaignPaused?: (campaignId: string) => Promise<void>;
  /** Called with the outcome of rows and their queue. */
  count?: (queue: string, outcome: DispatchOutcome, rows: number) => void;
  /**
   * Called with the failure when outcomes cannot be written, so that nothing more is handed over, and with null when they can be
   * written again.
   */
  onHeld?: SenderDeps["onHeld"];
  /** As in `DispatchDeps`. */
  answersMs?: number;
  lingerMs?: number;
} & StandbyDeps) {
  const counting = count && { count };
  const rulebook = createRulebookReader(pool);
  const refusals = new CampaignRefusals(
    async () => (await rulebook()).policy.breaker,
    async (campaignId, detail) => {
      if (await pauseRefusedCampaign(pool, campaignId, detail))
        await onCampaignPaused?.(campaignId);
    },
  );
  const sender = new Sender({
    ledger,
    clock,
    channels,
    retry,
    wake,
    onEnded: (message) => refusals.note(message),
    ...(onHeld && { onHeld }),
    ...counting,
  });
  const dispatch = createDispatch({
    ledger,
    clock,
    channels,
    gates,
    sender,
    releases: new Releases(),
    attemptLimit: retry.attempts,
    sources: () => createSources(pool),
    noticeGrowth: createGrowthWatch(pool),
    suppressions: createSuppressions(pool),
    repeats: createRepeatLookup(pool),
    stages: createStages(pool),
    merges: createMerges(pool),
    diversions: createDiversions(pool),
    summaries: createSummaries({ pool, links }),
    rulebook,
    load: createLoad(pool),
    mailboxShards,
    wake,
    ...standby,
    ...counting,
    ...(answersMs !== undefined && { answersMs }),
    ...(lingerMs !== undefined && { lingerMs }),
  });
  return { dispatch, sender };
}
