import type { Channel } from "../../domain/channel.ts";
import type { MessageFacts } from "../../domain/filter.ts";
import { newestUuid, newUuid } from "../../domain/ids.ts";
import type { NotificationType } from "../../domain/policy/notification-type.ts";
import { planRoutes, type RoutePlan } from "../../domain/policy/resolve-route.ts";
import type { Route } from "../../domain/policy/route.ts";
import type { RequestedMessage } from "../../domain/policy/simulate-types.ts";
import type { Priority } from "../../domain/priority.ts";
import type { Rulebook } from "../../ledger/rulebook.ts";
import type { Services } from "../services.ts";

/** A message that is previewed, as if it was requested at an instant. */
export interface PreviewedMessage {
  source: MessageFacts["source"];
  /** The route of the request itself. */
  requested: Route | null;
  type: NotificationType | null;
  /** The priority before a routing rule changes it. */
  priority: Priority;
  /** The topic of a campaign; null without one. */
  topic: { id: string; key: string } | null;
  data: Record<string, unknown>;
  entityId: string | null;
  /** When the message is requested and is to go out. */
  at: Date;
  occursAt: Date | null;
  expiresAt: Date | null;
  batchable: boolean;
  bypassRateLimit: boolean;
  dedupKey: string | null;
  collapseKey: string | null;
}

/** Plans the routes of a previewed message. */
export const planPreviewed = (
  { policy, policyVersion, routingRules, ruleTemplates }: Rulebook,
  { requested, type, priority, data, entityId, source, at }: PreviewedMessage,
): RoutePlan =>
  planRoutes({
    requested,
    rules: routingRules,
    type,
    policy: { version: policyVersion, route: policy.route },
    message: { type: type?.key ?? null, priority, data, entityId, source, sendAt: at },
    findTemplateVersion: (key) => ruleTemplates.get(key) ?? null,
  });

/** Makes the message of a simulation for one stage of a previewed message, which is newer than every other message. */
export function toRequest(
  message: PreviewedMessage,
  {
    priority,
    channel,
    isRepeat,
    isSubscribed,
  }: {
    priority: Priority;
    channel: Channel;
    /** Whether it repeats an earlier message. */
    isRepeat: boolean;
    /** Whether the recipient is subscribed to its topic. */
    isSubscribed: boolean;
  },
): RequestedMessage {
  const { source, type, topic, at, occursAt, expiresAt } = message;
  const { batchable, bypassRateLimit, dedupKey, collapseKey } = message;
  const isCampaign = source === "campaign";
  return {
    id: newUuid(at),
    notificationId: isCampaign ? null : newestUuid,
    withoutRepeats: isCampaign,
    type,
    priority,
    channel,
    createdAt: at.getTime(),
    askedAt: at.getTime(),
    occursAt: occursAt?.getTime() ?? null,
    expiresAt: expiresAt?.getTime() ?? null,
    batchable,
    bypassRateLimit,
    dedupKey,
    repeats: isRepeat ? "before" : null,
    superseded: false,
    topic: topic && { key: topic.key, isSubscribed },
    collapseKey,
    waiting: null,
  };
}

/** Returns whether this installation sends messages on a channel, as far as the API knows. */
export const offeredChannels =
  ({ vapidPublicKey }: Pick<Services["config"], "vapidPublicKey">) =>
  (channel: Channel): boolean =>
    channel !== "push" || vapidPublicKey !== null;
