import { z } from "@hono/zod-openapi";
import { restorePlus } from "../../domain/address.ts";
import { addressedChannels } from "../../domain/channel.ts";
import { publicId } from "../../domain/ids.ts";
import { segmentKey } from "../../domain/audience.ts";
import { text } from "../../domain/text.ts";
import { filterByCreation, filterBy, readPage, readSqlPage } from "../http/page-reading.ts";
import { byCreation, createdBetween, pageOf, pageQuery, withPlus } from "../http/pages.ts";
import { invalid } from "../http/problem.ts";
import { readRecipients, recipientAnswer, recipientJsonFor, recipientSorts } from "./store.ts";
import { createRouter, defineRoute, responses } from "../http/router.ts";
import { readSegment } from "../segments/store.ts";
import type { Services } from "../services.ts";

const minSearch = 3;

const list = defineRoute({
  method: "get",
  path: "/v1/recipients",
  access: "viewer",
  summary: "List recipients, newest first, without erased ones",
  request: {
    query: z.object({
      ...pageQuery(recipientSorts),
      q: text(200, minSearch).optional().openapi({
        description:
          "Part of the external id, email address or phone number, without regard to case",
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
    }),
  },
  responses: responses(200, "A page of recipients", pageOf(recipientAnswer)),
});

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

export function recipientListRoutes({ prisma, pool }: Services) {
  return createRouter()
    .openapi(list, async (c) => {
      const { q, phone, segment, ...query } = c.req.valid("query");
      const found = segment === undefined ? undefined : await readSegment(prisma, segment);
      if (found === null)
        throw invalid([
          {
            in: "query",
            field: "segment",
            message: `names no segment: there is no ${segment}. GET /v1/segments lists all segments`,
          },
        ]);
      const filters = {
        ...query,
        q: q && withPlus(q),
        phone: phone && withPlus(phone),
        filter: found?.filter,
      };
      const recipients = await readSqlPage(
        query,
        recipientSorts,
        (position) => readRecipients(pool, filters, position),
        recipientJsonFor(c),
      );
      return c.json(recipients, 200);
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
