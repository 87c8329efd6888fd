import { z } from "@hono/zod-openapi";
import { channels, type Channel } from "../../domain/channel.ts";
import { createChannelJudge } from "../../domain/policy/judge-channel.ts";
import type { NotificationType } from "../../domain/policy/notification-type.ts";
import { effectivePreferences } from "../../domain/policy/preferences.ts";
import { type ChosenRoute, resolveRoute } from "../../domain/policy/resolve-route.ts";
import {
  type ChosenChannel,
  chooseChannel,
  defaultChannel,
  orderOfStage,
  type PassedOver,
  type Route,
  type Stage,
} from "../../domain/policy/route.ts";
import type { Priority } from "../../domain/priority.ts";
import type { RecipientState } from "../../ledger/recipient-snapshot.ts";
import { readRoutingFacts } from "../../ledger/routing-facts.ts";
import type { Rulebook } from "../../ledger/rulebook.ts";
import type { Execute } from "../../ledger/sql.ts";
import { routeAnswer } from "../deliveries/store.ts";

/** The reasons that do not depend on the content of a message or on earlier attempts. */
const passedOverReasons = [
  "type_forbids",
  "channel_off",
  "no_address",
  "address_suppressed",
  "no_provider",
] as const satisfies readonly PassedOver[];

/** The route that a message would have, and the channel of its first stage. */
export const previewedRoute = routeAnswer.extend({
  channel: z.enum(channels).openapi({
    description:
      "The channel of the first stage on which the message would be sent, as far as it does not depend on the content. The decisions are about this channel",
    example: "email",
  }),
  passedOver: z
    .array(
      z.object({
        channel: z.enum(channels).openapi({ example: "push" }),
        why: z.enum(passedOverReasons).openapi({ example: "no_address" }),
      }),
    )
    .openapi({
      description:
        "The other channels of the first stage that come before it, and why each is not used: `type_forbids`: the notification type does not allow it; `channel_off`: the recipient has switched it off; `no_address`: they have no address on it; `address_suppressed`: their address must not be sent to; `no_provider`: this installation sends nothing on it",
    }),
});

/** A message whose route is previewed. */
export interface PreviewedMessage {
  requested: Route | null | undefined;
  type: NotificationType | null;
  /** The priority before a routing rule changes it. */
  priority: Priority;
  data: Record<string, unknown>;
  entityId: string | null;
  sendAt: Date;
}

/** The route of a previewed message. */
export interface PreviewedRoute {
  json: z.output<typeof previewedRoute>;
  /** The priority of the message with this route. */
  priority: Priority;
}

/**
 * Chooses the route of a message to a recipient and the channel of its first stage. Resolves with null if the recipient was erased.
 * @param isOffered whether this installation sends messages on a channel
 */
export async function previewRoute(
  execute: Execute,
  rulebook: Rulebook,
  recipient: RecipientState,
  message: PreviewedMessage,
  isOffered: (channel: Channel) => boolean,
): Promise<PreviewedRoute | null> {
  const [facts] = await readRoutingFacts(execute, {
    externalIds: [],
    recipientIds: [recipient.id],
  });
  if (!facts) return null;
  const { policy, policyVersion, routingRules, ruleTemplates } = rulebook;
  const { requested, type, priority, data, entityId, sendAt } = message;
  const chosen = resolveRoute({
    requested,
    rules: routingRules,
    type,
    policy: { version: policyVersion, route: policy.route },
    message: {
      type: type?.key ?? null,
      priority,
      data,
      entityId,
      source: "notification",
      sendAt,
    },
    findTemplateVersion: (key) => ruleTemplates.get(key) ?? null,
    recipient: facts,
  });
  const stages = stagesOf(chosen, type);
  const owed = chosen.priority ?? priority;
  const { channel, passedOver } = chooseFirst(
    stages[0]!,
    { policy },
    recipient,
    { type, priority: owed },
    isOffered,
  );
  return {
    json: {
      origin: chosen.origin,
      stages,
      channel,
      passedOver: passedOver as z.output<typeof previewedRoute>["passedOver"],
    },
    priority: owed,
  };
}

/** The stages of a route. The default route uses the channel that the type allows. */
const stagesOf = ({ origin, route }: ChosenRoute, type: NotificationType | null): Stage[] =>
  origin === "default"
    ? [{ via: [defaultChannel(type)] as Exclude<Stage["via"], "preferred"> }]
    : route.stages;

function chooseFirst(
  stage: Stage,
  { policy }: Pick<Rulebook, "policy">,
  recipient: RecipientState,
  { type, priority }: Pick<PreviewedMessage, "type" | "priority">,
  isOffered: (channel: Channel) => boolean,
): ChosenChannel {
  const preferences = effectivePreferences({
    organisation: policy.preferences,
    type: type?.preferences ?? null,
    recipient: recipient.preferences,
  });
  const order = orderOfStage(stage, preferences.channelOrder);
  const judge = createChannelJudge({
    order,
    failed: [],
    priority,
    type,
    preferences,
    recipient,
    content: {},
    templates: [],
    suppressionOf: (channel) => (channel === "email" ? recipient.suppression : null),
    isOffered,
  });
  return chooseChannel(order, judge);
}
