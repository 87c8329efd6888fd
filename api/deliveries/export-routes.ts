import { z } from "@hono/zod-openapi";
import { columnsOf, exportFormat, exportResponses } from "../http/export-formats.ts";
import { executeOn } from "../../ledger/sql.ts";
import { createRouter, defineRoute } from "../http/router.ts";
import type { Services } from "../services.ts";
import { deliveryFilterQuery, findNamed, readDeliveries } from "./filters.ts";
import { deliveriesJson, type deliveryAnswer } from "./store.ts";

const exportRoute = defineRoute({
  method: "get",
  path: "/v1/deliveries/export",
  access: "viewer",
  needsProof: true,
  class: "heavy",
  summary: "Export deliveries as a stream of lines",
  request: { query: z.object({ ...deliveryFilterQuery, ...exportFormat }) },
  responses: exportResponses(
    "deliveries",
    "CSV lacks `stage`, `failedChannels`, `holdCount` and `decided`.",
  ),
});

const columns = columnsOf<z.output<typeof deliveryAnswer>>()(
  "id",
  "source",
  "recipient",
  "leg",
  "type",
  "channel",
  "priority",
  "queue",
  "status",
  "reason",
  "detail",
  "dueAt",
  "group",
  "attemptCount",
  "createdAt",
  "finishedAt",
  "sentAt",
  "deliveredAt",
  "seenAt",
  "openedAt",
  "clickedAt",
  "latencyMs",
);

/** The route that exports deliveries. */
export function deliveryExportRoutes({ pool, exporter }: Services) {
  return createRouter().openapi(exportRoute, async (c) => {
    const { format, ...filters } = c.req.valid("query");
    const found = await findNamed(pool, filters);
    return exporter.send(c, {
      name: "deliveries",
      action: "delivery.export",
      format,
      filters,
      columns,
      pageRows: 1_000,
      read: async (part) => {
        const rows = found ? await readDeliveries(pool, found, part) : [];
        const items = await deliveriesJson(executeOn(pool), rows);
        return rows.map(({ id }, index) => ({ id, item: items[index]! }));
      },
      toItem: ({ item }) => item,
    });
  });
}
