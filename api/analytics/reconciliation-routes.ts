import { z } from "@hono/zod-openapi";
import { channels } from "../../domain/channel.ts";
import { publicId } from "../../domain/ids.ts";
import { dayMs, hourMs } from "../../domain/time/durations.ts";
import { measures } from "../../ledger/analytics-cells.ts";
import { findAnalyticsDifferences } from "../../ledger/analytics-differences.ts";
import { executeOn } from "../../ledger/sql.ts";
import { invalid } from "../http/problem.ts";
import { createRouter, defineRoute, responses } from "../http/router.ts";
import type { Services } from "../services.ts";
import { timeOf, timeQuery } from "./request.ts";

const maxSpanMs = 31 * dayMs;
const shown = 100;

const reconciliation = defineRoute({
  method: "get",
  path: "/v1/analytics/reconciliation",
  access: "viewer",
  class: "heavy",
  summary: "Reconcile the numbers of reports with the ledger",
  request: { query: z.object(timeQuery) },
  responses: responses(
    200,
    "The comparison, in one snapshot, of what was handed over in the whole hours from `from` to `to`, at most 31 days. What retention or an erasure has removed from the ledger is taken into account",
    z
      .object({
        from: z.iso.datetime(),
        to: z.iso.datetime(),
        isEqual: z.boolean().openapi({ description: "Whether every number equals the ledger" }),
        differences: z
          .array(
            z.object({
              hour: z.iso.datetime().openapi({ description: "The hour of the hand-over" }),
              campaign: z.string().nullable().openapi({ example: null }),
              channel: z.enum(channels),
              number: z.string().openapi({ example: measures[0] }),
              difference: z.number().int().openapi({
                description: "How many more the reports count than the ledger has",
                example: 1,
              }),
            }),
          )
          .openapi({ description: `The first ${shown} numbers that differ` }),
      })
      .openapi("AnalyticsReconciliation"),
  ),
});

/** The route that compares reports with the ledger. */
export function analyticsReconciliationRoutes({ pool, clock }: Services) {
  return createRouter().openapi(reconciliation, async (c) => {
    const time = timeOf(c.req.valid("query"), clock());
    const from = new Date(Math.floor(time.from.getTime() / hourMs) * hourMs);
    const until = new Date(Math.ceil(time.to.getTime() / hourMs) * hourMs);
    if (until.getTime() - from.getTime() > maxSpanMs)
      throw invalid([
        { in: "query", field: "from", message: "must be at most 31 days before `to`" },
      ]);
    const differences = await findAnalyticsDifferences(executeOn(pool), {
      from,
      until,
      width: 60,
    });
    return c.json(
      {
        from: from.toISOString(),
        to: until.toISOString(),
        isEqual: differences.length === 0,
        differences: differences.slice(0, shown).map((each) => ({
          hour: each.handedAt.toISOString(),
          campaign: each.campaignId === null ? null : publicId("campaign", each.campaignId),
          channel: each.channel,
          number: each.measure,
          difference: each.difference,
        })),
      },
      200,
    );
  });
}
