import { isDeepStrictEqual } from "node:util";
import { z } from "@hono/zod-openapi";
import { channels } from "../../domain/channel.ts";
import { publicId } from "../../domain/ids.ts";
import type { ChosenRoute } from "../../domain/policy/resolve-route.ts";
import { route } from "../../domain/policy/route.ts";
import {
  maxActiveRules,
  type RoutingRule,
  routingRuleKey,
} from "../../domain/policy/routing-rule.ts";
import { priorities } from "../../domain/priority.ts";
import { createLimiter } from "../../lib/concurrency-limit.ts";
import { exampleIdOf } from "../http/path-ids.ts";
import { invalid } from "../http/problem.ts";
import { createRouter, defineRoute, jsonContent, responses } from "../http/router.ts";
import type { Services } from "../services.ts";
import { previewHours, previewRules, type RoutingPreview } from "./preview.ts";
import { exampleCount, pairCount } from "./preview-tally.ts";
import { describedDefinition, readActiveRules, refuseTooMany } from "./store.ts";

const maxMessages = 20_000;

const countOf = (description: string, example: number) =>
  z.number().int().openapi({ description, example });

const examples = z
  .array(
    z.object({
      delivery: z.string().openapi({ example: exampleIdOf("delivery") }),
      recipient: z.string().openapi({ example: exampleIdOf("recipient") }),
    }),
  )
  .openapi({ description: `A message each of up to ${exampleCount} recipients` });

const counts = {
  messages: countOf("The number of messages", 120),
  recipients: countOf("The number of their recipients", 80),
};

const chosenRoute = z
  .object({
    origin: z.string().openapi({
      description:
        "What chose the route: `rule:KEY@VERSION`, joined by `+` where several rules hold, `type:KEY@VERSION`, `policy@VERSION` or `default`. The version of a rule that is not saved like this is 0",
      example: "rule:urgent-by-push@0",
    }),
    stages: route.shape.stages,
    templates: z.partialRecord(z.enum(channels), z.string()).openapi({
      description: "Keys of the templates that are used instead of the message’s own, by channel",
      example: {},
    }),
    priority: z.enum(priorities).nullable().openapi({
      description: "The priority that a rule sets; null if the message keeps its own",
      example: null,
    }),
    leftOut: countOf("The number of stages of rules that do not fit into the route", 0),
  })
  .openapi("ChosenRoute");

const preview = defineRoute({
  method: "post",
  path: "/v1/routing-rules/preview",
  access: "viewer",
  class: "heavy",
  summary: "Preview changed routing rules on the notifications of the last day",
  description:
    `Chooses the route of each message that was requested in the last ${previewHours} hours twice, by the active rules and by the given ones, newest first, and compares the results. Nothing is changed or sent. ` +
    "Recipients, notification types and the policy are as they are now. Messages whose request has a route of its own keep it. Campaigns are not included. A preview ends after ten seconds.",
  request: {
    body: jsonContent(
      z.strictObject({
        rules: z
          .array(describedDefinition.extend({ key: routingRuleKey }))
          .max(maxActiveRules, `must have at most ${maxActiveRules} rules`)
          .openapi({
            description: "All rules that would be active, in their order",
            example: [
              {
                key: "urgent-by-push",
                name: "Urgent messages also by push",
                when: { field: "priority", in: ["critical", "high"] },
                route: { stages: [{ via: ["push", "email"] }, { via: ["in_app"] }] },
              },
            ],
          }),
        limit: z
          .int("must be a whole number")
          .min(1, `must be from 1 to ${maxMessages}`)
          .max(maxMessages, `must be from 1 to ${maxMessages}`)
          .default(maxMessages)
          .meta({ description: "The largest number of messages to look at: the newest ones" }),
      }),
    ),
  },
  responses: responses(
    200,
    "The messages for which the rules would hold, and whose route would change",
    z
      .object({
        from: z.iso
          .datetime()
          .openapi({ description: "The beginning of the time that was looked at" }),
        cutOffAt: z.iso.datetime().nullable().openapi({
          description:
            "If not all messages were looked at: when the oldest one that was had been requested",
          example: null,
        }),
        ...counts,
        requested: countOf("Messages whose request has a route of its own", 4),
        erased: countOf("Messages whose recipient has been erased since", 0),
        changed: z
          .object(counts)
          .openapi({ description: "Messages that would get another route or priority" }),
        rules: z
          .array(
            z.object({
              key: z.string().openapi({ example: "urgent-by-push" }),
              ...counts,
              examples,
            }),
          )
          .openapi({ description: "The messages for which each of the given rules would hold" }),
        routes: z
          .array(z.object({ before: chosenRoute, after: chosenRoute, ...counts, examples }))
          .openapi({
            description: `The old and the new route of the changed messages: the ${pairCount} most frequent pairs`,
          }),
      })
      .openapi("RoutingPreview"),
  ),
});

/** How many previews run at once. Each occupies a CPU core. */
const previewsAtOnce = 1;

export function routingPreviewRoutes({ prisma, pool, readPolicySnapshot, clock }: Services) {
  const limitPreviews = createLimiter(previewsAtOnce);

  return createRouter().openapi(preview, async (c) => {
    const { rules, limit } = c.req.valid("json");
    refuseRepeatedKeys(rules);
    const before = await readActiveRules(prisma);
    const after = rules.map((rule): RoutingRule => ({
      ...rule,
      version: savedVersion(rule, before),
    }));
    refuseTooMany(after);
    const rulebook = await readPolicySnapshot();
    const found = await limitPreviews(() =>
      previewRules(pool, rulebook, { before, after, limit, now: clock() }),
    );
    return c.json(previewJson(found), 200);
  });
}

function refuseRepeatedKeys(rules: readonly { key: string }[]): void {
  const keys = rules.map(({ key }) => key);
  const errors = keys.flatMap((key, index) =>
    keys.indexOf(key) < index
      ? [
          {
            in: "body" as const,
            field: `/rules/${index}/key`,
            message: "is the key of another rule in the list",
          },
        ]
      : [],
  );
  if (errors.length > 0) throw invalid(errors);
}

/** The version of an active rule that is the same as the given one; 0 if there is none. */
function savedVersion(rule: Omit<RoutingRule, "version">, active: readonly RoutingRule[]): number {
  const saved = active.find(({ key }) => key === rule.key);
  return saved && isDeepStrictEqual({ ...rule, version: saved.version }, saved) ? saved.version : 0;
}

function previewJson({ from, cutOffAt, rules, routes, ...rest }: RoutingPreview) {
  const examplesJson = (found: RoutingPreview["rules"][number]["examples"]) =>
    found.map(({ delivery, recipient }) => ({
      delivery: publicId("delivery", delivery),
      recipient: publicId("recipient", recipient),
    }));
  return {
    from: from.toISOString(),
    cutOffAt: cutOffAt?.toISOString() ?? null,
    ...rest,
    rules: rules.map(({ examples, ...rule }) => ({ ...rule, examples: examplesJson(examples) })),
    routes: routes.map(({ before, after, examples, ...pair }) => ({
      before: routeJson(before),
      after: routeJson(after),
      ...pair,
      examples: examplesJson(examples),
    })),
  };
}

const routeJson = ({ route, origin, priority, leftOut }: ChosenRoute) => ({
  origin,
  stages: route.stages,
  templates: route.templates ?? {},
  priority: priority ?? null,
  leftOut,
});
