import { z } from "@hono/zod-openapi";
import { restorePlus } from "../../domain/address.ts";
import { addressedChannels } from "../../domain/channel.ts";
import { publicId } from "../../domain/ids.ts";
import { segmentKey } from "../../domain/audience.ts";
import { text } from "../../domain/text.ts";
import { columnsOf, exportFormat, exportResponses } from "../http/export-formats.ts";
import {
  filterByCreation,
  filterBy,
  positionOf,
  readPage,
  readSqlPage,
} from "../http/page-reading.ts";
import { byCreation, createdBetween, pageOf, pageQuery, withPlus } from "../http/pages.ts";
import { invalid } from "../http/problem.ts";
import {
  type RecipientQuery,
  readRecipients,
  recipientAnswer,
  recipientJsonFor,
  recipientSorts,
  unmaskedRecipientJson,
} from "./store.ts";
import { createRouter, defineRoute, responses } from "../http/router.ts";
import { readSegment } from "../segments/store.ts";
import type { Services } from "../services.ts";

const minSearch = 3;

const filterQuery = z.object({
  q: text(200, minSearch).optional().openapi({
    description: "Part of the external id, email address or phone number, without regard to case",
    example: "ada",
  }),
  externalId: text(200).optional().openapi({ description: "The external id", example: "ada" }),
  email: text(254)
    .transform(restorePlus)
    .refine((given) => !given.includes(" "), "must be an email address, which has no spaces")
    .optional()
    .openapi({
      type: "string",
      description: "The whole email address, without regard to case",
      example: "ada@example.org",
    }),
  phone: text(20)
    .optional()
    .openapi({ description: "The whole phone number", example: "+4915112345678" }),
  locale: text(100)
    .optional()
    .openapi({ description: "The locale, spelt as in responses", example: "en-GB" }),
  timeZone: text(64)
    .optional()
    .openapi({ description: "The time zone, spelt as in responses", example: "Europe/London" }),
  reachableBy: z.enum(addressedChannels).optional().openapi({
    description: "A channel, to list only recipients who have an address on it",
    example: "push",
  }),
  segment: segmentKey.optional().openapi({
    description: "The key of a segment, to list only its recipients",
    example: "pro-customers",
  }),
  ...createdBetween,
});

const list = defineRoute({
  method: "get",
  path: "/v1/recipients",
  access: "viewer",
  summary: "List recipients, newest first, without erased ones",
  request: { query: filterQuery.extend(pageQuery(recipientSorts)) },
  responses: responses(200, "A page of recipients", pageOf(recipientAnswer)),
});

const exportRoute = defineRoute({
  method: "get",
  path: "/v1/recipients/export",
  access: "viewer",
  needsProof: true,
  class: "heavy",
  summary: "Export recipients as a stream of lines, without erased ones",
  description:
    "A recipient whose external id is `export` is read by their `rcp_` id. The audit trail has the filters, but only the names of those that may be a part of a name or an address.",
  request: { query: filterQuery.extend(exportFormat) },
  responses: exportResponses(
    "recipients",
    "Addresses are masked where the list masks them. CSV lacks `attributes`, and separates the channels in `reachableBy` by spaces.",
  ),
});

const columns = columnsOf<z.output<typeof recipientAnswer>>()(
  "id",
  "externalId",
  "email",
  "phone",
  "timeZone",
  "locale",
  "reachableBy",
  "createdAt",
  "updatedAt",
);

const tombstone = z
  .object({
    id: z.string().openapi({ example: "rcp_01jd3v8qyee7fr8xmcsnh5hbcd" }),
    createdAt: z.iso.datetime(),
    erasedAt: z.iso.datetime(),
  })
  .openapi("Tombstone");

const listErased = defineRoute({
  method: "get",
  path: "/v1/tombstones",
  access: "viewer",
  summary: "List erased recipients, in the reverse order of their creation",
  request: { query: z.object({ ...pageQuery(byCreation), ...createdBetween }) },
  responses: responses(200, "A page of erased recipients", pageOf(tombstone)),
});

export function recipientListRoutes({ prisma, pool, exporter }: Services) {
  return createRouter()
    .openapi(list, async (c) => {
      const query = c.req.valid("query");
      const filters = await findFilters(prisma, query);
      const recipients = await readSqlPage(
        query,
        recipientSorts,
        (position) => readRecipients(pool, filters, position),
        recipientJsonFor(c),
      );
      return c.json(recipients, 200);
    })
    .openapi(exportRoute, async (c) => {
      const { format, ...query } = c.req.valid("query");
      const filters = await findFilters(prisma, query);
      return exporter.send(c, {
        name: "recipients",
        action: "recipient.export",
        format,
        filters: withoutPersonal(query),
        columns,
        // Attributes may be long.
        pageRows: 200,
        read: (part) => readRecipients(pool, filters, positionOf(part)),
        toItem: unmaskedRecipientJson,
      });
    })
    .openapi(listErased, async (c) => {
      const query = c.req.valid("query");
      const tombstones = await readPage(
        query,
        byCreation,
        (page) =>
          prisma.recipient.findMany({
            ...filterBy(page, filterByCreation(query), { erasedAt: { not: null } }),
            select: { id: true, createdAt: true, erasedAt: true },
          }),
        ({ id, createdAt, erasedAt }) => ({
          id: publicId("recipient", id),
          createdAt: createdAt.toISOString(),
          erasedAt: erasedAt!.toISOString(),
        }),
      );
      return c.json(tombstones, 200);
    });
}

type Filters = z.output<typeof filterQuery>;

/** Reads the segment that the filters name. Throws a problem if there is none. */
async function findFilters(
  prisma: Services["prisma"],
  { q, phone, segment, ...query }: Filters,
): Promise<RecipientQuery> {
  const found = segment === undefined ? undefined : await readSegment(prisma, segment);
  if (found === null)
    throw invalid([
      {
        in: "query",
        field: "segment",
        message: `names no segment: there is no ${segment}. GET /v1/segments lists all segments`,
      },
    ]);
  return {
    ...query,
    q: q && withPlus(q),
    phone: phone && withPlus(phone),
    filter: found?.filter,
  };
}

const personal = ["q", "externalId", "email", "phone"] as const satisfies (keyof Filters)[];

/** Hides the values of personal filters: the erasure of a recipient would not find a part of their address in the audit trail. */
function withoutPersonal(filters: Filters): Record<string, unknown> {
  const given = personal.filter((name) => filters[name] !== undefined);
  return { ...filters, ...Object.fromEntries(given.map((name) => [name, "•••"])) };
}
