import type { z } from "@hono/zod-openapi";
import { deliveryStatuses } from "../../domain/delivery/status.ts";
import { findNamed } from "../deliveries/filters.ts";
import { type Columns, columnsOf, exportFormat, exportResponses } from "../http/export-formats.ts";
import { type Part, readPageByCreation } from "../http/page-reading.ts";
import { byCreation, pageOf, pageQuery } from "../http/pages.ts";
import { createRouter, defineRoute, responses } from "../http/router.ts";
import type { Services } from "../services.ts";
import {
  addCounts,
  listedJson,
  listedNotification,
  notificationFilterQuery,
  readNotifications,
} from "./store.ts";

const list = defineRoute({
  method: "get",
  path: "/v1/notifications",
  access: "viewer",
  summary: "List notifications, newest first",
  request: { query: notificationFilterQuery.extend(pageQuery(byCreation)) },
  responses: responses(200, "A page of notifications", pageOf(listedNotification)),
});

const exportRoute = defineRoute({
  method: "get",
  path: "/v1/notifications/export",
  access: "viewer",
  needsProof: true,
  class: "heavy",
  summary: "Export notifications as a stream of lines",
  request: { query: notificationFilterQuery.extend(exportFormat) },
  responses: exportResponses(
    "notifications",
    "CSV has `templateVersion` beside `template`, and a column for each of the `counts`. Contents and data are in neither.",
  ),
});

type Listed = z.output<typeof listedNotification>;

const pick = columnsOf<Listed>();
const columns: Columns<Listed> = {
  ...pick("id"),
  template: ({ template }) => template && template.key,
  templateVersion: ({ template }) => template && template.version,
  ...pick("type", "priority", "sendAt", "test", "createdBy", "requestId", "createdAt"),
  ...Object.fromEntries(
    deliveryStatuses.map((status) => [status, ({ counts }: Listed) => counts[status]]),
  ),
};

/** The routes that list and export notifications. */
export function notificationListRoutes({ pool, exporter }: Services) {
  const reading = async (query: z.output<typeof notificationFilterQuery>) => {
    const filters = await findNamed(pool, query);
    return async (part: Part) =>
      filters ? addCounts(pool, await readNotifications(pool, filters, part)) : [];
  };
  return createRouter()
    .openapi(list, async (c) => {
      const query = c.req.valid("query");
      return c.json(await readPageByCreation(query, await reading(query), listedJson), 200);
    })
    .openapi(exportRoute, async (c) => {
      const { format, ...filters } = c.req.valid("query");
      return exporter.send(c, {
        name: "notifications",
        action: "notification.export",
        format,
        filters,
        columns,
        pageRows: 1_000,
        read: await reading(filters),
        toItem: listedJson,
      });
    });
}
