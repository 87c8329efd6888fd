import { z } from "@hono/zod-openapi";
import { eventKinds } from "../../domain/event-kinds.ts";
import { type EventRow, eventView } from "../../domain/event.ts";
import type { Pool } from "pg";
import { eventColumns, eventJoins } from "../../ledger/event-columns.ts";
import { firstUuidAt } from "../../domain/ids.ts";
import { createWhereBuilder } from "../http/where.ts";
import { findNamed, idOf, recipientParameter } from "../deliveries/filters.ts";
import { columnsOf, exportFormat, exportResponses } from "../http/export-formats.ts";
import { maskFor } from "../http/masking.ts";
import { type Part, readPageByCreation } from "../http/page-reading.ts";
import { byCreation, createdBetween, oneOrMore, pageOf, pageQuery } from "../http/pages.ts";
import { exampleIdOf } from "../http/path-ids.ts";
import { createRouter, defineRoute, responses } from "../http/router.ts";
import type { Services } from "../services.ts";

const event = z
  .object({
    id: z.string().openapi({ example: exampleIdOf("event") }),
    kind: z.enum(eventKinds).openapi({ example: "delivery.snoozed" }),
    delivery: z
      .string()
      .nullable()
      .openapi({ example: exampleIdOf("delivery") }),
    recipient: z
      .string()
      .nullable()
      .openapi({ example: exampleIdOf("recipient") }),
    notification: z
      .string()
      .nullable()
      .openapi({
        description:
          "The notification of the delivery; null for a campaign, and once the delivery is no longer stored",
        example: exampleIdOf("notification"),
      }),
    campaign: z.string().nullable().openapi({
      description:
        "The campaign of the delivery; null for a notification, and once the delivery is no longer stored",
      example: null,
    }),
    entityId: z.string().nullable().openapi({
      description: "The reference that the sender gave to the notification",
      example: "task-17",
    }),
    until: z.iso.datetime().nullable().openapi({
      description: "For a snooze: when the message is sent again",
      example: "2027-03-01T10:00:00.000Z",
    }),
    automated: z.boolean().openapi({
      description:
        "For a view: true if a program such as a mail filter or a prefetching browser followed the link, not a person",
      example: false,
    }),
    type: z.string().nullable().openapi({
      description:
        "For a recipient who unsubscribed from one notification type, or subscribed to it again: its key. Null if they unsubscribed from all email that can be switched off",
      example: null,
    }),
    at: z.iso.datetime(),
    publishedAt: z.iso.datetime().nullable().openapi({
      description:
        "When the receiver at EVENTS_URL accepted the event; null until then. Webhook endpoints have a log of their own",
    }),
    attempts: z.number().int().openapi({
      description: "How often the event was sent to the receiver at EVENTS_URL",
      example: 1,
    }),
    detail: z.string().nullable().openapi({
      description: "Why the receiver did not accept the event the last time",
      example: "answered 503",
    }),
  })
  .openapi("Event");

const filterQuery = z.object({
  kind: oneOrMore(eventKinds).optional(),
  delivery: idOf("delivery"),
  recipient: recipientParameter.optional(),
  campaign: idOf("campaign").openapi({
    description: "Only events of the deliveries of this campaign that are still stored",
  }),
  ...createdBetween,
});

const list = defineRoute({
  method: "get",
  path: "/v1/events",
  access: "viewer",
  summary: "List events: what became of messages, newest first",
  request: { query: filterQuery.extend(pageQuery(byCreation)) },
  responses: responses(200, "A page of events", pageOf(event)),
});

const exportRoute = defineRoute({
  method: "get",
  path: "/v1/events/export",
  access: "viewer",
  needsProof: true,
  class: "heavy",
  summary: "Export events as a stream of lines",
  request: { query: filterQuery.extend(exportFormat) },
  responses: exportResponses("events", "CSV has every field."),
});

const columns = columnsOf<z.output<typeof event>>()(
  "id",
  "kind",
  "delivery",
  "recipient",
  "notification",
  "campaign",
  "entityId",
  "until",
  "automated",
  "at",
  "publishedAt",
  "attempts",
  "detail",
);

interface ListedRow extends EventRow {
  publishedAt: Date | null;
  attempts: number;
  detail: string | null;
}

export function eventRoutes({ pool, exporter }: Services) {
  return createRouter()
    .openapi(list, async (c) => {
      const query = c.req.valid("query");
      const filters = await findNamed(pool, query);
      const events = await readPageByCreation(
        query,
        async (part) => (filters ? readEvents(pool, filters, part) : []),
        eventJson,
      );
      return c.json(maskFor(c, events), 200);
    })
    .openapi(exportRoute, async (c) => {
      const { format, ...filters } = c.req.valid("query");
      const found = await findNamed(pool, filters);
      return exporter.send(c, {
        name: "events",
        action: "event.export",
        format,
        filters,
        columns,
        pageRows: 1_000,
        read: async (part) => (found ? readEvents(pool, found, part) : []),
        toItem: eventJson,
      });
    });
}

/** The filters of events, in which UUIDs stand for the delivery and the recipient. */
type EventFilters = z.output<typeof filterQuery>;

/** Reads a part of the list of events. The statement is not a prepared one, so that PostgreSQL plans it for these values. */
async function readEvents(
  pool: Pick<Pool, "query">,
  { kind, delivery, recipient, campaign, createdFrom, createdBefore }: EventFilters,
  { after, direction, take }: Part,
): Promise<ListedRow[]> {
  const conditions = createWhereBuilder();
  const { bind, and } = conditions;
  if (kind) and(`e.kind = ANY(${bind(kind)}::text[])`);
  if (delivery !== undefined) and(`e.delivery_id = ${bind(delivery)}::uuid`);
  if (recipient !== undefined) and(`e.recipient_id = ${bind(recipient)}::uuid`);
  if (campaign !== undefined) {
    const id = bind(campaign);
    and(
      `EXISTS (SELECT FROM deliveries d WHERE d.id = e.delivery_id AND d.campaign_id = ${id}::uuid)`,
    );
    // Ids begin with their time, and no event of a campaign is older than the campaign.
    and(`e.id >= ${id}::uuid`);
  }
  if (createdFrom) and(`e.id >= ${bind(firstUuidAt(createdFrom))}::uuid`);
  if (createdBefore) and(`e.id < ${bind(firstUuidAt(createdBefore))}::uuid`);
  if (after !== null) and(`e.id ${direction === "asc" ? ">" : "<"} ${bind(after)}::uuid`);
  const { rows } = await pool.query<ListedRow>(
    `SELECT ${eventColumns}, e.published_at AS "publishedAt", e.attempt_count AS attempts, e.detail
     FROM (SELECT * FROM events e WHERE ${conditions.sql()} ORDER BY e.id ${direction} LIMIT ${bind(take)}::int) e ${eventJoins}
     ORDER BY e.id ${direction}`,
    conditions.values,
  );
  return rows;
}

function eventJson(row: ListedRow): z.output<typeof event> {
  const { publishedAt, attempts, detail } = row;
  return {
    ...eventView(row),
    publishedAt: publishedAt?.toISOString() ?? null,
    attempts,
    detail,
  };
}
