import { z } from "@hono/zod-openapi";
import { createRouter, defineRoute, problemResponse } from "../http/router.ts";
import type { Services } from "../services.ts";

const scrape = defineRoute({
  method: "get",
  path: "/metrics",
  access: "metrics",
  class: "operations",
  summary: "Get metrics of this process and of the ledger, for Prometheus",
  responses: {
    200: {
      description:
        "Metrics in the text format of Prometheus. Metrics from the database are left out while it is unavailable.",
      content: {
        "text/plain": {
          schema: z.string().openapi({ example: "tidings_database_up 1\n" }),
        },
      },
    },
    ...problemResponse,
  },
});

export function metricsRoutes({ metrics: { registry } }: Services) {
  return createRouter().openapi(scrape, async (c) =>
    c.text(await registry.metrics(), 200, { "content-type": registry.contentType }),
  );
}
