import { z } from "@hono/zod-openapi";
import { publicId } from "../../domain/ids.ts";
import { segmentKey } from "../../domain/audience.ts";
import { text } from "../../domain/text.ts";
import {
  byCreation,
  createdBetween,
  createdWithin,
  pageOf,
  pageQuery,
  paging,
  placeOf,
  withPlus,
} from "../http/pages.ts";
import { invalid } from "../http/problem.ts";
import {
  readRecipients,
  recipientAnswer,
  recipientJson,
  type RecipientRow,
  recipientSorts,
} from "./store.ts";
import { createRouter, defineRoute, responses } from "../http/router.ts";
import { readSegment } from "../segments/store.ts";
import type { Services } from "../services.ts";

const minSearch = 3;

const list = defineRoute({
  method: "get",
  path: "/v1/recipients",
  access: "viewer",
  summary: "Recipients, the newest first; the erased are not among them",
  request: {
    query: z.object({
      ...pageQuery(recipientSorts),
      q: text(200, minSearch).optional().openapi({
        description: "A part of external id, e-mail address or phone number, in any case",
        example: "ada",
      }),
      externalId: text(200)
        .optional()
        .openapi({ description: "The caller's own id", example: "ada" }),
      email: text(254)
        .optional()
        .openapi({ description: "The whole address, in any case", example: "ada@example.org" }),
      phone: text(20)
        .optional()
        .openapi({ description: "The whole number", example: "+4915112345678" }),
      locale: text(100).optional().openapi({ description: "As it is shown", example: "en-GB" }),
      timeZone: text(64)
        .optional()
        .openapi({ description: "As it is shown", example: "Europe/London" }),
      segment: segmentKey
        .optional()
        .openapi({ description: "The key of a segment", example: "pro-customers" }),
      ...createdBetween,
    }),
  },
  responses: responses(200, "A page", pageOf(recipientAnswer)),
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
  summary: "Recipients who were erased, the last created first",
  request: { query: z.object({ ...pageQuery(byCreation), ...createdBetween }) },
  responses: responses(200, "A page", pageOf(tombstone)),
});

export function recipientListRoutes({ prisma, pool }: Services) {
  return createRouter()
    .openapi(list, async (c) => {
      const { limit, cursor, sort, q, phone, segment, ...query } = c.req.valid("query");
      const page = { limit, cursor, sort };
      const { answer } = paging<RecipientRow>(page, recipientSorts);
      const found = segment === undefined ? undefined : await readSegment(prisma, segment);
      if (found === null)
        throw invalid([
          { in: "query", field: "segment", message: `names no segment: there is no ${segment}` },
        ]);
      const rows = await readRecipients(
        pool,
        {
          ...query,
          q: q && withPlus(q),
          phone: phone && withPlus(phone),
          filter: found?.filter,
        },
        placeOf(page, recipientSorts),
      );
      return c.json(answer(rows, recipientJson), 200);
    })
    .openapi(listErased, async (c) => {
      const { createdFrom, createdBefore, ...page } = c.req.valid("query");
      const { where, answer, ...find } = paging<{
        id: string;
        createdAt: Date;
        erasedAt: Date | null;
      }>(page, byCreation);
      const rows = await prisma.recipient.findMany({
        ...find,
        where: {
          AND: [where, createdWithin({ createdFrom, createdBefore })],
          erasedAt: { not: null },
        },
        select: { id: true, createdAt: true, erasedAt: true },
      });
      return c.json(
        answer(rows, ({ id, createdAt, erasedAt }) => ({
          id: publicId("recipient", id),
          createdAt: createdAt.toISOString(),
          erasedAt: erasedAt!.toISOString(),
        })),
        200,
      );
    });
}
