import { type Addresses, type Channel, isReachable } from "../channel.ts";
import type { Priority } from "../priority.ts";
import type { SuppressionReason } from "../suppression.ts";
import type { ContentChannel } from "../templates/content-parts.ts";
import type { TemplateContent } from "../templates/content.ts";
import type { NotificationType } from "./notification-type.ts";
import type { EffectivePreferences } from "./preferences.ts";
import { type JudgeChannel, orderOfStage, type ResolvedRoute, type Stage } from "./route.ts";

/** What decides whether a message can be sent on a channel. */
interface ChannelFacts {
  /** The channels of the stage. */
  order: readonly Channel[];
  failed: readonly Channel[];
  priority: Priority;
  type: Pick<NotificationType, "channels" | "mandatory"> | null;
  preferences: Pick<EffectivePreferences, "channels">;
  recipient: Addresses & { addressChannels: readonly Channel[] };
  content: TemplateContent;
  /** The channels for which a routing rule has chosen a template. */
  templates: readonly Channel[];
  /** Why the recipient's address on a channel is suppressed; null if it is not. */
  suppressionOf: (channel: Channel) => SuppressionReason | null;
  /** Whether messages can be sent on a channel at all. */
  isOffered: (channel: Channel) => boolean;
}

/** The channels of a stage of a route in the order in which they are tried, and why each of them cannot be used. */
export function judgeStage({
  route,
  stage,
  preferences,
  ...facts
}: Omit<ChannelFacts, "order" | "templates" | "preferences"> & {
  route: ResolvedRoute;
  stage: Stage;
  preferences: EffectivePreferences;
}): { order: readonly Channel[]; judge: JudgeChannel } {
  const order = orderOfStage(stage, preferences.channelOrder);
  const templates = Object.keys(route.templates ?? {}) as Channel[];
  return { order, judge: createChannelJudge({ ...facts, order, templates, preferences }) };
}

/**
 * Judges the channels of a stage by the same facts as the policy. Derived content counts only where no channel of the stage has content
 * of its own: a template without content for push notifications is not meant for them if the stage can also send an email.
 */
function createChannelJudge(facts: ChannelFacts): JudgeChannel {
  const { failed, type, preferences, recipient, suppressionOf, isOffered } = facts;
  const isOwed = facts.priority === "critical" || (type?.mandatory ?? false);
  const hasOwn = (channel: Channel) =>
    facts.templates.includes(channel) || facts.content[channel as ContentChannel] !== undefined;
  const needsOwn = facts.order.some(hasOwn);
  return (channel) => {
    if (failed.includes(channel)) return "failed";
    if (needsOwn && !hasOwn(channel)) return "no_content";
    if (type !== null && !type.channels.includes(channel)) return "type_forbids";
    if (!isOwed && !preferences.channels[channel]) return "channel_off";
    if (!isReachable(channel, recipient)) return "no_address";
    const suppression = suppressionOf(channel);
    if (suppression !== null && !(suppression === "unsubscribed" && isOwed))
      return "address_suppressed";
    return isOffered(channel) ? null : "no_provider";
  };
}
