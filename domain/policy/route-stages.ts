import type { Addresses, Channel } from "../channel.ts";
import type { Priority } from "../priority.ts";
import { type SuppressionReason, suppressionOn } from "../suppression.ts";
import type { TemplateContent } from "../templates/content.ts";
import { findPreferences } from "./decision-input.ts";
import { judgeStage } from "./judge-channel.ts";
import type { NotificationType } from "./notification-type.ts";
import type { Policy } from "./policy.ts";
import type { Preferences } from "./preferences.ts";
import { type ChosenChannel, chooseChannel, type ResolvedRoute, type Stage } from "./route.ts";

/** A stage of a message to a recipient, and the channel that it would use now. */
export interface RoutedStage extends ChosenChannel {
  /** The number of the stage; 0 for the first. */
  number: number;
  stage: Stage;
}

/** A message with its route, and the recipient. */
export interface RoutedMessage {
  route: ResolvedRoute;
  type: NotificationType | null;
  policy: Policy;
  priority: Priority;
  /** The content of its template; empty where the content is not looked at. */
  content: TemplateContent;
  recipient: Addresses & {
    addressChannels: readonly Channel[];
    preferences: Preferences | null;
    /** Why the email address is on the suppression list; null if it is not. */
    suppression: SuppressionReason | null;
  };
  /** Whether this installation sends messages on a channel. */
  isOffered: (channel: Channel) => boolean;
}

/** Chooses the channel of each stage of a route as dispatch does when the stage is due, before any channel has failed. */
export function routeStages({
  route,
  type,
  policy,
  priority,
  content,
  recipient,
  isOffered,
}: RoutedMessage): RoutedStage[] {
  const preferences = findPreferences(policy, type, recipient.preferences);
  return route.stages.map((stage, number) => {
    const { order, judge } = judgeStage({
      route,
      stage,
      failed: [],
      priority,
      type,
      preferences,
      recipient,
      content,
      suppressionOf: (channel) => suppressionOn(channel, recipient),
      isOffered,
    });
    return { number, stage, ...chooseChannel(order, judge) };
  });
}
