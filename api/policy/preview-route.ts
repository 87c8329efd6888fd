import { z } from "@hono/zod-openapi";
import { channels, type Channel } from "../../domain/channel.ts";
import { chooseRoute } from "../../domain/policy/resolve-route.ts";
import type { PassedOver } from "../../domain/policy/route.ts";
import { routeStages } from "../../domain/policy/route-stages.ts";
import type { Priority } from "../../domain/priority.ts";
import type { RecipientState } from "../../ledger/recipient-snapshot.ts";
import { readRoutingFacts } from "../../ledger/routing-facts.ts";
import type { Rulebook } from "../../ledger/rulebook.ts";
import type { Execute } from "../../ledger/sql.ts";
import { routeAnswer } from "../deliveries/store.ts";
import { type PreviewedMessage, planPreviewed } from "./previewed-message.ts";

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
  const { policy } = rulebook;
  const { type, priority } = message;
  const { route, origin, ...chosen } = chooseRoute(planPreviewed(rulebook, message), facts);
  const owed = chosen.priority ?? priority;
  const [first] = routeStages({
    // Without the templates of rules, because contents are not looked at.
    route: { stages: route.stages },
    type,
    policy,
    priority: owed,
    content: {},
    recipient,
    isOffered,
  });
  return {
    json: {
      origin,
      stages: route.stages,
      channel: first!.channel,
      passedOver: first!.passedOver as z.output<typeof previewedRoute>["passedOver"],
    },
    priority: owed,
  };
}
