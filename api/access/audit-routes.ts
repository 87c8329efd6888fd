import { z } from "@hono/zod-openapi";
import { publicId } from "../../domain/ids.ts";
import { text } from "../../domain/text.ts";
import type { AuditEntry, Prisma } from "../../prisma/generated/client.ts";
import { columnsOf, exportFormat, exportResponses } from "../http/export-formats.ts";
import { maskFor } from "../http/masking.ts";
import {
  filterBy,
  filterByCreation,
  longPart,
  readLongPage,
  toPrismaPart,
} from "../http/page-reading.ts";
import { byCreation, createdBetween, pageOf, pageQuery } from "../http/pages.ts";
import { createRouter, defineRoute, responses } from "../http/router.ts";
import type { Services } from "../services.ts";

const entry = z
  .object({
    id: z.string().openapi({ example: "aud_01jd3v8qyee7fr8xmcsnh5hbcd" }),
    actor: z.string().openapi({
      description:
        "The author of the change: `bootstrap`, `recipient`, or the id of an API key or an operator",
      example: "bootstrap",
    }),
    action: z.string().openapi({ example: "campaign.pause" }),
    resource: z.string().openapi({
      description: "The id or key of the changed resource",
      example: "cmp_01jd3v8qyee7fr8xmcsnh5hbcd",
    }),
    requestId: z.string().openapi({ example: "0b9ff0a1-6c0e-4f43-9d4b-53c3c1a3a2ab" }),
    address: z.string().nullable().openapi({
      description: "The network address of the caller; null for recipients, and if it is not known",
      example: "192.0.2.17",
    }),
    before: z
      .record(z.string(), z.unknown())
      .nullable()
      .openapi({
        description: "The changed fields before the change; null for a new resource",
        example: { status: "running" },
      }),
    after: z
      .record(z.string(), z.unknown())
      .nullable()
      .openapi({
        description: "The changed fields after the change; null if there are none",
        example: { status: "paused" },
      }),
    createdAt: z.iso.datetime(),
  })
  .openapi("AuditEntry");

const filterQuery = z.object({
  actor: text(100).optional().openapi({
    description:
      "The author of the change: `bootstrap`, `recipient`, or the id of an API key or an operator",
    example: "bootstrap",
  }),
  action: text(100).optional().openapi({
    description: "An action such as `campaign.pause`, or `campaign` for all actions on campaigns",
    example: "campaign.pause",
  }),
  resource: text(300).optional().openapi({
    description: "The id or key of the changed resource",
    example: "cmp_01jd3v8qyee7fr8xmcsnh5hbcd",
  }),
  requestId: text(100).optional().openapi({
    description: "The id of the request that made the change",
    example: "0b9ff0a1-6c0e-4f43-9d4b-53c3c1a3a2ab",
  }),
  ...createdBetween,
});

const list = defineRoute({
  method: "get",
  path: "/v1/audit",
  access: "admin",
  summary: "List changes, newest first, with their authors and the changed fields before and after",
  request: { query: filterQuery.extend(pageQuery(byCreation)) },
  responses: responses(200, "A page of audit entries", pageOf(entry)),
});

const exportRoute = defineRoute({
  method: "get",
  path: "/v1/audit/export",
  access: "admin",
  needsProof: true,
  class: "heavy",
  summary: "Export the audit trail as a stream of lines",
  request: { query: filterQuery.extend(exportFormat) },
  responses: exportResponses(
    "audit entries",
    "CSV lacks `before` and `after`. In the console, addresses of recipients are masked.",
  ),
});

const columns = columnsOf<z.output<typeof entry>>()(
  "id",
  "createdAt",
  "actor",
  "action",
  "resource",
  "requestId",
  "address",
);

/** The routes that read the audit trail. */
export function auditRoutes({ prisma, exporter }: Services) {
  return createRouter()
    .openapi(list, async (c) => {
      const query = c.req.valid("query");
      const filters = filtersOf(query);
      const entries = await readLongPage(
        query,
        byCreation,
        (page) => prisma.auditEntry.findMany(filterBy(page, ...filters)),
        entryJson,
      );
      const items = entries.items.map((item) =>
        isOfConfiguration(item) ? item : maskFor(c, item),
      );
      return c.json({ ...entries, items }, 200);
    })
    .openapi(exportRoute, async (c) => {
      const { format, ...query } = c.req.valid("query");
      const filters = filtersOf(query);
      return exporter.send(c, {
        name: "audit",
        action: "audit.export",
        format,
        filters: query,
        columns,
        // An entry may be as long as two request bodies.
        pageRows: longPart,
        read: (part) => prisma.auditEntry.findMany(filterBy(toPrismaPart(part), ...filters)),
        toItem: entryJson,
      });
    });
}

/** Whether an entry is of a change of the configuration. The console undoes these by writing their fields back, and so gets them as they are. */
const isOfConfiguration = ({ action }: { action: string }): boolean =>
  /^(?:policy|type|segment|routing-rule)\./.test(action);

function filtersOf(query: z.output<typeof filterQuery>): Prisma.AuditEntryWhereInput[] {
  const { actor, action, resource, requestId } = query;
  return [
    filterByCreation(query),
    actor === undefined ? {} : { actor },
    action === undefined ? {} : { OR: [{ action }, { action: { startsWith: `${action}.` } }] },
    resource === undefined ? {} : { resource },
    requestId === undefined ? {} : { requestId },
  ];
}

function entryJson({ id, createdAt, before, after, ...row }: AuditEntry): z.output<typeof entry> {
  return {
    ...row,
    id: publicId("auditEntry", id),
    before: before as Record<string, unknown> | null,
    after: after as Record<string, unknown> | null,
    createdAt: createdAt.toISOString(),
  };
}
