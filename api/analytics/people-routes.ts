import { z } from "@hono/zod-openapi";
import { channels } from "../../domain/channel.ts";
import { engagedWithinDays, engagementStates } from "../../domain/engagement-states.ts";
import { cachedRead } from "../../lib/cached-read.ts";
import { countByEngagement } from "../../ledger/recipient-engagement.ts";
import { executeOn } from "../../ledger/sql.ts";
import { oneOrMore } from "../http/pages.ts";
import { Problem } from "../http/problem.ts";
import { createRouter, defineRoute, responses } from "../http/router.ts";
import type { Services } from "../services.ts";
import { timeQuery } from "./request.ts";
import { periodAnswer, rateAnswer } from "./schemas.ts";
import { cohortsOf, hoursOf, readWeeks, weeksOf } from "./weeks.ts";

const countPatienceMs = 10_000;
/** An hour is among the best only with so many hand-overs. */
const minHandedOver = 50;
const shownBest = 3;

const query = z.object({
  ...timeQuery,
  channel: oneOrMore(channels).optional(),
});

const number = (description: string, example: number) =>
  z.number().int().openapi({ description, example });

const weekCounts = {
  handedOver: number("Deliveries that a provider accepted", 1_000),
  opened: number("Deliveries that a person opened", 400),
  clicked: number("Deliveries in which a person followed a link", 90),
  acted: number("Deliveries on which the recipient acted", 40),
};

const hour = z.object({
  weekday: number("The weekday of the hand-over by the recipient’s clock: 1 is Monday", 2),
  hour: number("The hour of the hand-over by the recipient’s clock", 9),
  ...weekCounts,
  openRate: rateAnswer,
  clickRate: rateAnswer,
});

const sendTimes = defineRoute({
  method: "get",
  path: "/v1/analytics/send-times",
  access: "viewer",
  summary: "Report at which hours messages are opened most",
  request: { query },
  responses: responses(
    200,
    "The 168 hours of a week by the recipients’ clocks at the hand-over. The time consists of whole weeks of UTC. The last quarter hour is not counted yet",
    z
      .object({
        ...periodAnswer,
        hours: z.array(hour),
        previous: z.array(hour),
        best: z.array(hour).openapi({
          description: `The hours with the highest lower end of the interval of the open rate, among those with at least ${minHandedOver} deliveries`,
        }),
      })
      .openapi("AnalyticsSendTimes"),
  ),
});

const cohort = z.object({
  week: z.iso.date().openapi({
    description: "The Monday of the week of the hand-over",
    example: "2027-03-01",
  }),
  handedOver: weekCounts.handedOver,
  weeks: z
    .array(
      z.object({
        weeksSince: number("The number of weeks after the week of the hand-over", 1),
        opened: weekCounts.opened,
        clicked: weekCounts.clicked,
        acted: weekCounts.acted,
      }),
    )
    .openapi({
      description: "When these were known for the first time. Weeks without any are left out",
    }),
});

const cohorts = defineRoute({
  method: "get",
  path: "/v1/analytics/cohorts",
  access: "viewer",
  summary: "Report how many weeks after the hand-over recipients engage",
  request: { query },
  responses: responses(
    200,
    "The weeks of hand-overs. The last quarter hour is not counted yet",
    z
      .object({
        ...periodAnswer,
        cohorts: z.array(cohort),
        previous: z.array(cohort).openapi({ description: "The weeks of the period before" }),
      })
      .openapi("AnalyticsCohorts"),
  ),
});

const segments = defineRoute({
  method: "get",
  path: "/v1/analytics/segments",
  access: "viewer",
  summary: "Count recipients by how long ago they engaged",
  responses: responses(
    200,
    `The recipients who last read, opened, followed a link or acted at most ${engagedWithinDays.active} days ago (\`active\`), at most ${engagedWithinDays.cooling} days ago (\`cooling\`), longer ago (\`dormant\`), or never. They are those of now, read at most some seconds ago; there is no period before. \`{ "engagement": "dormant" }\` is the condition of a filter that finds them`,
    z
      .object({
        total: number("All recipients that are not erased", 20_000),
        segments: z.array(
          z.object({
            state: z.enum(engagementStates),
            recipients: number("How many", 4_200),
            share: z.number().nullable().openapi({ example: 0.21 }),
          }),
        ),
      })
      .openapi("AnalyticsSegments"),
  ),
});

const bestOf = (hours: readonly z.output<typeof hour>[]) =>
  hours
    .filter(({ handedOver, opened }) => handedOver >= minHandedOver && opened > 0)
    .toSorted((a, b) => b.openRate.low! - a.openRate.low!)
    .slice(0, shownBest);

/** The routes that report when recipients engage, and how long ago they did. */
export function analyticsPeopleRoutes({ pool, clock }: Services) {
  const countSegments = cachedRead(() => countByEngagement(executeOn(pool)), countPatienceMs);
  return createRouter()
    .openapi(sendTimes, async (c) => {
      const { read, isCurrent, period } = weeksOf(c.req.valid("query"), clock());
      const rows = await readWeeks(pool, "local_hour", read);
      const hours = hoursOf(rows.filter(({ week }) => isCurrent(week)));
      const previous = hoursOf(rows.filter(({ week }) => !isCurrent(week)));
      return c.json({ ...period, hours, previous, best: bestOf(hours) }, 200);
    })
    .openapi(cohorts, async (c) => {
      const { read, isCurrent, period } = weeksOf(c.req.valid("query"), clock());
      const rows = await readWeeks(pool, "weeks_since", read);
      return c.json(
        {
          ...period,
          cohorts: cohortsOf(rows.filter(({ week }) => isCurrent(week))),
          previous: cohortsOf(rows.filter(({ week }) => !isCurrent(week))),
        },
        200,
      );
    })
    .openapi(segments, async (c) => {
      const found = await countSegments();
      if (found === null)
        throw new Problem(
          "overloaded",
          "The recipients could not be counted in time. Try again later.",
        );
      const total = engagementStates.reduce((sum, state) => sum + found[state], 0);
      return c.json(
        {
          total,
          segments: engagementStates.map((state) => ({
            state,
            recipients: found[state],
            share: total === 0 ? null : found[state] / total,
          })),
        },
        200,
      );
    });
}
