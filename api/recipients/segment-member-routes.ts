import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { RecipientFilter } from "../../domain/audience.ts";
import type { ApiEnv } from "../http/context.ts";
import { describedFilter } from "../segments/audience.ts";
import { readSqlPage } from "../http/page-reading.ts";
import { pageOf, pageQuery } from "../http/pages.ts";
import { notFound } from "../http/problem.ts";
import { findTypeHints } from "./type-hints.ts";
import {
  countRecipients,
  readRecipients,
  recipientAnswer,
  recipientJsonFor,
  recipientSorts,
} from "./store.ts";
import { createRouter, defineRoute, jsonContent, responses } from "../http/router.ts";
import { readSegment, segmentParams } from "../segments/store.ts";
import type { Services } from "../services.ts";

const count = z
  .number()
  .int()
  .openapi({ description: "The number of matching recipients", example: 4_711 });

const maxSample = 50;

const preview = defineRoute({
  method: "post",
  path: "/v1/segments/preview",
  access: "viewer",
  class: "heavy",
  summary: "Count the recipients that a filter matches, and show the newest. Nothing is saved.",
  request: {
    body: jsonContent(
      z.strictObject({
        filter: describedFilter,
        sample: z
          .int("must be a whole number")
          .min(0, "must be at least 0")
          .max(maxSample, `must be at most ${maxSample}`)
          .default(10)
          .openapi({ description: "The number of recipients to show", example: 10 }),
      }),
    ),
  },
  responses: responses(
    200,
    "Count and sample",
    z
      .object({
        count,
        sample: z.array(recipientAnswer),
        hints: z
          .array(
            z.object({
              attribute: z.array(z.string()).openapi({ example: ["age"] }),
              message: z
                .string()
                .openapi({ example: "is text for 40 of the newest 1000 recipients" }),
            }),
          )
          .openapi({
            description: "Conditions of the filter that may match fewer recipients than you meant",
          }),
      })
      .openapi("SegmentPreview"),
  ),
});

const countRoute = defineRoute({
  method: "get",
  path: "/v1/segments/{key}/count",
  access: "viewer",
  class: "heavy",
  summary: "Count the recipients that are in a segment now",
  request: { params: segmentParams },
  responses: responses(200, "The count", z.object({ count })),
});

const members = defineRoute({
  method: "get",
  path: "/v1/segments/{key}/recipients",
  access: "viewer",
  class: "heavy",
  summary: "List the recipients that are in a segment now, newest first",
  request: { params: segmentParams, query: z.object(pageQuery(recipientSorts)) },
  responses: responses(200, "A page of recipients", pageOf(recipientAnswer)),
});

export function segmentMemberRoutes({ prisma, pool }: Services) {
  const countOf = (filter: RecipientFilter) => countRecipients(pool, { filter });
  const filterOf = async (key: string) => {
    const found = await readSegment(prisma, key);
    if (!found) throw notFound("segment", "key");
    return found.filter;
  };
  const readMembers = (
    c: Context<ApiEnv>,
    filter: RecipientFilter,
    query: { limit: number; cursor?: string | undefined; sort: string },
  ) =>
    readSqlPage(
      query,
      recipientSorts,
      (position) => readRecipients(pool, { filter }, position),
      recipientJsonFor(c),
    );

  return createRouter()
    .openapi(preview, async (c) => {
      const { filter, sample } = c.req.valid("json");
      const newest =
        sample === 0
          ? []
          : (await readMembers(c, filter, { limit: sample, sort: "-createdAt" })).items;
      const hints = await findTypeHints(pool, filter);
      return c.json({ count: await countOf(filter), sample: newest, hints }, 200);
    })
    .openapi(countRoute, async (c) =>
      c.json({ count: await countOf(await filterOf(c.req.valid("param").key)) }, 200),
    )
    .openapi(members, async (c) => {
      const filter = await filterOf(c.req.valid("param").key);
      return c.json(await readMembers(c, filter, c.req.valid("query")), 200);
    });
}
