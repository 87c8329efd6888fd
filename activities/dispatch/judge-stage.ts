import type { Channel } from "../../domain/channel.ts";
import { createChannelJudge } from "../../domain/policy/judge-channel.ts";
import type { EffectivePreferences } from "../../domain/policy/preferences.ts";
import { type JudgeChannel, orderOfStage } from "../../domain/policy/route.ts";
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
export function judgeStage(
  { delivery, source, stage }: Item,
  preferences: EffectivePreferences,
  { suppressionOf, isOffered }: ChannelKnowledge,
): { order: readonly Channel[]; judge: JudgeChannel } | null {
  if (stage === null) return null;
  const order = orderOfStage(stage.stage, preferences.channelOrder);
  const judge = createChannelJudge({
    order,
    failed: delivery.failedChannels,
    priority: delivery.priority,
    type: source.type,
    preferences,
    recipient: { ...delivery.recipient, addressChannels: delivery.addressChannels },
    content: stage.content,
    templates: Object.keys(stage.route.templates ?? {}) as Channel[],
    suppressionOf: (channel) => suppressionOf(delivery, channel),
    isOffered,
  });
  return { order, judge };
}
