import type { createAdvanceCampaign } from "./campaign.ts";
import type { createDispatch } from "./dispatch.ts";
import type { createPublishEvents } from "./events.ts";
import type { createRemoveExpired } from "./maintenance.ts";
import type { createRelayOverdue } from "./relay.ts";
import type { createSweepDigests } from "./sweep-digests.ts";

/** What workflows may call; type-imported by them. */
export interface Activities {
  dispatch: ReturnType<typeof createDispatch>;
  advanceCampaign: ReturnType<typeof createAdvanceCampaign>;
  removeExpired: ReturnType<typeof createRemoveExpired>;
  sweepDigests: ReturnType<typeof createSweepDigests>;
  publishEvents: ReturnType<typeof createPublishEvents>;
  relayOverdue: ReturnType<typeof createRelayOverdue>;
}
