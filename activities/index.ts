import type { createAdvanceCampaign } from "./advance-campaign.ts";
import type { createDispatch } from "./dispatch/loop.ts";
import type { createPublishEvents } from "./publish-events.ts";
import type { createRemoveExpired } from "./remove-expired.ts";
import type { createResealValues } from "./reseal-values.ts";
import type { createRelayOverdue } from "./relay-overdue.ts";
import type { createSweepDigests } from "./sweep-digests.ts";

/** The activities that workflows may call. Workflows import only this type. */
export interface Activities {
  dispatch: ReturnType<typeof createDispatch>;
  advanceCampaign: ReturnType<typeof createAdvanceCampaign>;
  removeExpired: ReturnType<typeof createRemoveExpired>;
  resealValues: ReturnType<typeof createResealValues>;
  sweepDigests: ReturnType<typeof createSweepDigests>;
  publishEvents: ReturnType<typeof createPublishEvents>;
  relayOverdue: ReturnType<typeof createRelayOverdue>;
}
