import type { Channel } from "../../domain/channel.ts";
import { judgeStage } from "../../domain/policy/judge-channel.ts";
import type { EffectivePreferences } from "../../domain/policy/preferences.ts";
import type { SuppressionReason } from "../../domain/suppression.ts";
import type { DueDelivery } from "../../ledger/due-delivery.ts";
import type { Item } from "./send-job.ts";

/** What is known about the channels of deliveries, besides the deliveries themselves. */
export interface ChannelKnowledge {
  suppressionOf: (delivery: DueDelivery, channel: Channel) => SuppressionReason | null;
  /** Whether this worker can send on a channel. */
  isOffered: (channel: Channel) => boolean;
}

/** The channels of a delivery's stage in the order in which they are tried, and why each cannot be used; null without a route. */
export function judgeDueStage(
  { delivery, source, stage }: Item,
  preferences: EffectivePreferences,
  { suppressionOf, isOffered }: ChannelKnowledge,
): ReturnType<typeof judgeStage> | null {
  if (stage === null) return null;
  return judgeStage({
    route: stage.route,
    stage: stage.stage,
    failed: delivery.failedChannels,
    priority: delivery.priority,
    type: source.type,
    preferences,
    recipient: { ...delivery.recipient, addressChannels: delivery.addressChannels },
    content: stage.content,
    suppressionOf: (channel) => suppressionOf(delivery, channel),
    isOffered,
  });
}
