import { z } from "@hono/zod-openapi";
import { createRouter, defineRoute, responses } from "../http/router.ts";
import type { Services } from "../services.ts";
import { countDeliveriesUpTo, deliveryFilterQuery, findNamed } from "./filters.ts";

/** The largest number that is counted. */
const maxCount = 10_000;

const count = defineRoute({
  method: "get",
  path: "/v1/deliveries/count",
  access: "viewer",
  class: "heavy",
  summary: "Count the deliveries that match filters",
  request: { query: z.object(deliveryFilterQuery) },
  responses: responses(
    200,
    "The number",
    z
      .object({
        count: z
          .number()
          .int()
          .openapi({ description: `At most ${maxCount}`, example: 1_204 }),
        isCapped: z.boolean().openapi({ description: "Whether there are more than `count`" }),
      })
      .openapi("DeliveryCount"),
  ),
});

/** The route that counts what a list of deliveries contains. */
export function deliveryCountRoutes({ pool }: Services) {
  return createRouter().openapi(count, async (c) => {
    const filters = await findNamed(pool, c.req.valid("query"));
    const found = filters ? await countDeliveriesUpTo(pool, filters, maxCount + 1) : 0;
    return c.json({ count: Math.min(found, maxCount), isCapped: found > maxCount }, 200);
  });
}
