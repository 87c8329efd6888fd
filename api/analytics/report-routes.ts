import { z } from "@hono/zod-openapi";
import { type AnalyticsCounts, rateOf } from "../../domain/analytics.ts";
import { createRouter, defineRoute, responses } from "../http/router.ts";
import type { Services } from "../services.ts";
import type { AnalyticsDimension } from "./cells.ts";
import { intervalsOf, itemsOf, periodOf, readReport } from "./report.ts";
import { reportQuery } from "./request.ts";
import {
  countsAnswer,
  countsJson,
  definitions,
  definitionsAnswer,
  figuresAnswer,
  figuresJson,
  periodAnswer,
  rateAnswer,
  sumOf,
} from "./schemas.ts";

const query = z.object(reportQuery);
type ReportQuery = z.output<typeof query>;

/** A report shows so many values of a dimension; the others are added up. */
const maxItems = 200;

const overview = defineRoute({
  method: "get",
  path: "/v1/analytics/overview",
  access: "viewer",
  summary: "Report what became of deliveries, over time",
  request: { query },
  responses: responses(
    200,
    "The report. Every number is of deliveries that were handed over in the time, or ended otherwise in it, whenever the rest happened",
    z
      .object({
        ...periodAnswer,
        total: figuresAnswer,
        previous: figuresAnswer.openapi({ description: "The same of the period before" }),
        intervals: z
          .array(z.object({ from: z.iso.datetime(), counts: countsAnswer }))
          .openapi({ description: "The numbers of each interval" }),
        definitions: definitionsAnswer,
      })
      .openapi("AnalyticsOverview"),
  ),
});

const item = figuresAnswer
  .extend({
    key: z.string().nullable().openapi({
      description:
        "The channel, the provider, the id of the campaign, or the key of the type or template; null for deliveries without one",
      example: "email",
    }),
    name: z.string().nullable().openapi({
      description: "The name of a campaign; otherwise as `key`",
      example: "email",
    }),
    previous: figuresAnswer,
  })
  .openapi("AnalyticsItem");

const breakdown = (
  path: "channels" | "types" | "campaigns" | "templates" | "providers",
  summary: string,
) =>
  defineRoute({
    method: "get",
    path: `/v1/analytics/${path}` as const,
    access: "viewer",
    summary,
    request: { query },
    responses: responses(
      200,
      "The report",
      z
        .object({
          ...periodAnswer,
          items: z
            .array(item)
            .max(maxItems)
            .openapi({ description: "Those with the most deliveries first" }),
          rest: figuresAnswer.openapi({
            description: `The sum of those that are not shown, because there are more than ${maxItems}`,
          }),
          definitions: definitionsAnswer,
        })
        .openapi("AnalyticsBreakdown"),
    ),
  });

const channels = breakdown("channels", "Report what became of deliveries by channel");
const types = breakdown("types", "Report what became of deliveries by notification type");
const campaigns = breakdown("campaigns", "Report what became of deliveries by campaign");
const templates = breakdown("templates", "Report what became of deliveries by template");
const providers = breakdown("providers", "Report what became of deliveries by provider");

const step = z.object({
  name: z.enum(["accepted", "handedOver", "arrived", "opened", "clicked", "acted"]),
  count: z.number().int().openapi({ example: 1_000 }),
  ofFirst: rateAnswer.openapi({ description: "The share of the first step" }),
  ofStepBefore: rateAnswer.openapi({ description: "The share of the step before" }),
});
const stepNames = step.shape.name.options;

const funnel = defineRoute({
  method: "get",
  path: "/v1/analytics/funnel",
  access: "viewer",
  summary: "Report how far deliveries came",
  request: { query },
  responses: responses(
    200,
    "The steps: deliveries that ended in the time, those that a provider accepted, those that did not bounce, and those that a person opened, followed a link in, and acted on. A recipient may act without a link, so that a step may be larger than the one before",
    z
      .object({ ...periodAnswer, steps: z.array(step), previous: z.array(step) })
      .openapi("AnalyticsFunnel"),
  ),
});

const stepsOf = (counts: AnalyticsCounts): z.output<typeof step>[] => {
  const numbers = countsJson(counts);
  return stepNames.map((name, place) => ({
    name,
    count: numbers[name],
    ofFirst: rateOf(numbers[name], numbers.accepted),
    ofStepBefore: rateOf(numbers[name], numbers[stepNames[Math.max(place - 1, 0)]!]),
  }));
};

/** The routes that report what became of deliveries. */
export function analyticsRoutes({ pool, clock }: Services) {
  const breakDown = async (by: AnalyticsDimension, request: ReportQuery) => {
    const report = await readReport(pool, request, { by, intervals: "together" }, clock());
    const items = await itemsOf(pool, by, report);
    return {
      ...periodOf(report.span),
      items: items.slice(0, maxItems).map(({ key, name, counts, rates, previous }) => ({
        key,
        name,
        counts,
        rates,
        previous: figuresJson(previous),
      })),
      rest: figuresJson(sumOf(items.slice(maxItems).map(({ own }) => ({ counts: own })))),
      definitions,
    };
  };
  return createRouter()
    .openapi(overview, async (c) => {
      const report = await readReport(
        pool,
        c.req.valid("query"),
        { by: null, intervals: "each" },
        clock(),
      );
      return c.json(
        {
          ...periodOf(report.span),
          total: figuresJson(sumOf(report.current)),
          previous: figuresJson(sumOf(report.previous)),
          intervals: intervalsOf(report),
          definitions,
        },
        200,
      );
    })
    .openapi(channels, async (c) => c.json(await breakDown("channel", c.req.valid("query")), 200))
    .openapi(types, async (c) => c.json(await breakDown("type", c.req.valid("query")), 200))
    .openapi(campaigns, async (c) => c.json(await breakDown("campaign", c.req.valid("query")), 200))
    .openapi(templates, async (c) => c.json(await breakDown("template", c.req.valid("query")), 200))
    .openapi(providers, async (c) => c.json(await breakDown("provider", c.req.valid("query")), 200))
    .openapi(funnel, async (c) => {
      const report = await readReport(
        pool,
        c.req.valid("query"),
        { by: null, intervals: "together" },
        clock(),
      );
      return c.json(
        {
          ...periodOf(report.span),
          steps: stepsOf(sumOf(report.current)),
          previous: stepsOf(sumOf(report.previous)),
        },
        200,
      );
    });
}
