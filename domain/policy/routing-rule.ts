import { z } from "zod";
import { channels } from "../channel.ts";
import { resourceKey } from "../key.ts";
import { templateKey } from "../notification.ts";
import { priorities } from "../priority.ts";
import { nameText } from "../text.ts";
import { route } from "./route.ts";
import { routingFilter } from "./routing-filter.ts";

/** The key by which callers name a rule. It is part of URLs, and of the origins of routes. */
export const routingRuleKey = resourceKey.meta({ example: "urgent-by-push" });

/** The largest number of rules, and of those that are active. */
export const maxRules = 200;
export const maxActiveRules = 50;

const parts = {
  name: nameText(200).meta({ example: "Urgent messages also by push" }),
  when: routingFilter.nullable(),
  route: route.meta({ description: "The route of the messages for which the rule holds" }),
  priority: z.enum(priorities).nullable().meta({
    description:
      "The priority that these messages get; null if they keep theirs. Messages of a campaign always have the priority of their campaign",
    example: null,
  }),
  templates: z.partialRecord(z.enum(channels), templateKey).meta({
    description:
      "Keys of templates by channel, whose active versions are used instead of the message’s own template. An archived template is not used",
    example: { push: "urgent-short" },
  }),
  final: z.boolean().meta({
    description:
      "Whether no later rule is tried for these messages. With `false`, the next rule that holds adds its stages",
    example: true,
  }),
};

/** A rule with all its parts. */
export const wholeRuleDefinition = z.strictObject(parts);

/** A rule as a caller gives it: the parts left out take these defaults. */
export const routingRuleDefinition = z.strictObject({
  ...parts,
  when: parts.when.default(null),
  priority: parts.priority.default(null),
  templates: parts.templates.default({}),
  final: parts.final.default(true),
});

export type RoutingRuleDefinition = z.output<typeof routingRuleDefinition>;

/** A version of a rule, with its place among the others. */
export const routingRuleState = routingRuleDefinition.extend({
  position: z.int(),
  active: z.boolean(),
});

export type RoutingRuleState = z.output<typeof routingRuleState>;

/** One version of an active rule, as routes are chosen by it. */
export interface RoutingRule extends RoutingRuleDefinition {
  key: string;
  version: number;
}
