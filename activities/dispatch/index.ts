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
import { createMerges } from "../../ledger/merging.ts";
import { createSources } from "../../ledger/sources.ts";
import { createSummaries } from "./content.ts";
import { createSuppressions } from "../../ledger/suppressions.ts";
import type { DispatchOutcome } from "./page.ts";
import { Releases } from "./release.ts";
import { Sender, type SenderDeps } from "./sender.ts";
import type { StandbyDeps } from "./standby.ts";

/** `dispatch` over a worker's channels, with all that it reads from the ledger's database, and the sender behind it. */
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
  campaignPaused,
  count,
  held,
  answersMs,
  lingerMs,
  ...standby
}: {
  pool: Pool;
  ledger: Ledger;
  /** Of campaigns and releases. */
  gates?: Pick<GateCache, "watch">;
  channels: Channels;
  clock?: LedgerClock;
  retry: RetryPolicy;
  mailboxShards: number;
  links: ActionLinks;
  /** Starts the workflow of a queue, or has it look again. */
  wake: (queue: string) => Promise<void>;
  /** Is told of a campaign that was paused since providers refuse its messages. */
  campaignPaused?: (campaignId: string) => Promise<void>;
  /** Is told what became of rows, of which queue. */
  count?: (queue: string, outcome: DispatchOutcome, rows: number) => void;
  /** Is told when outcomes cannot be written, so that nothing more is handed over, and when they can be again. */
  held?: SenderDeps["held"];
  /** As `DispatchDeps` has them. */
  answersMs?: number;
  lingerMs?: number;
} & StandbyDeps) {
  const counting = count && { count };
  const rulebook = createRulebookReader(pool);
  const refusals = new CampaignRefusals(
    async () => (await rulebook()).policy.breaker,
    async (campaignId, detail) => {
      if (await pauseRefusedCampaign(pool, campaignId, detail)) await campaignPaused?.(campaignId);
    },
  );
  const sender = new Sender({
    ledger,
    clock,
    channels,
    retry,
    wake,
    ended: (message) => refusals.note(message),
    ...(held && { held }),
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
    merges: createMerges(pool),
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
