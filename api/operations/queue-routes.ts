import { z } from "@hono/zod-openapi";
import { filteredReasons } from "../../domain/delivery/reasons.ts";
import { priorities } from "../../domain/priority.ts";
import { findNamed, idOf, queueParameter, typeParameter } from "../deliveries/filters.ts";
import { oneOrMore } from "../http/pages.ts";
import { presetDimensions, queueDimensions, readWaiting, waitingAnswer } from "./queues.ts";
import { createRouter, defineRoute, responses } from "../http/router.ts";
import { createLimiter } from "../../lib/concurrency-limit.ts";
import type { Services } from "../services.ts";

const waiting = defineRoute({
  method: "get",
  path: "/v1/queues",
  access: "viewer",
  class: "operations",
  summary: "Count waiting deliveries by queue, type, priority, reason and channel",
  request: {
    query: z.object({
      by: oneOrMore(queueDimensions)
        .optional()
        .openapi({
          description:
            "The dimensions to group by, separated by commas; all of them but `channel` by default",
          example: ["queue", "reason"],
        }),
      queue: queueParameter.optional(),
      campaign: idOf("campaign"),
      type: typeParameter.optional(),
      priority: oneOrMore(priorities).optional(),
      reason: oneOrMore(filteredReasons).optional().openapi({
        description:
          "Why the deliveries wait; `none` selects those that wait for their time or their turn",
      }),
      limit: z.coerce
        .number("must be a whole number from 1 to 1000")
        .int()
        .min(1)
        .max(1_000)
        .default(200)
        .openapi({ description: "The largest number of groups to return", example: 200 }),
    }),
  },
  responses: responses(
    200,
    "Groups of waiting deliveries, those with the most due deliveries first, then those with the most waiting ones",
    waitingAnswer,
  ),
});

/** The number of counts that run at once. A count reads all open deliveries, and must leave connections for other requests. */
const countsAtOnce = 2;

export function queueRoutes({ pool }: Services) {
  const limitCounts = createLimiter(countsAtOnce);

  return createRouter().openapi(waiting, async (c) => {
    const { by = presetDimensions, limit, ...wanted } = c.req.valid("query");
    const filters = await findNamed(pool, wanted);
    if (!filters)
      return c.json({ items: [], total: { waiting: 0, due: 0, sending: 0 }, more: 0 }, 200);
    return c.json(
      await limitCounts(() => readWaiting(pool, [...new Set(by)], filters, limit)),
      200,
    );
  });
}
