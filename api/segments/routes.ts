import { isDeepStrictEqual } from "node:util";
import { z } from "@hono/zod-openapi";
import { publicId, newUuid } from "../../domain/ids.ts";
import { text } from "../../domain/text.ts";
import type { Prisma } from "../../prisma/generated/client.ts";
import { describedFilter } from "./audience.ts";
import { isUniqueViolation } from "../http/database-errors.ts";
import { ifMatchHeaders, setEtag } from "../http/etag.ts";
import {
  withAuditedTransaction,
  withIdempotentTransaction,
  idempotencyHeaders,
} from "../http/idempotency.ts";
import { filterBy, filterByKeyOrName, readLongPage } from "../http/page-reading.ts";
import { pageOf, pageQuery } from "../http/pages.ts";
import { notFound, Problem } from "../http/problem.ts";
import {
  createRouter,
  defineRoute,
  jsonContent,
  problemResponse,
  responses,
} from "../http/router.ts";
import {
  lockSegment,
  newSegmentKey,
  readSegment,
  segmentAnswer,
  segmentJson,
  segmentName,
  segmentParams,
} from "./store.ts";
import { changeVersioned } from "../http/versioned.ts";
import type { Services } from "../services.ts";

const create = defineRoute({
  method: "post",
  path: "/v1/segments",
  access: "sender",
  summary: "Create a segment: a saved filter over recipients",
  request: {
    headers: idempotencyHeaders,
    body: jsonContent(
      z.strictObject({ key: newSegmentKey, name: segmentName, filter: describedFilter }),
    ),
  },
  responses: responses(201, "The new segment", segmentAnswer),
});

const sortable = {
  createdAt: "creation",
  updatedAt: "instant",
  key: "text",
  name: "text",
} as const;

const list = defineRoute({
  method: "get",
  path: "/v1/segments",
  access: "viewer",
  summary: "List segments, newest first",
  request: {
    query: z.object({
      ...pageQuery(sortable),
      q: text(200).optional().openapi({
        description: "Part of the key or the name, without regard to case",
        example: "pro",
      }),
    }),
  },
  responses: responses(200, "A page of segments", pageOf(segmentAnswer)),
});

const get = defineRoute({
  method: "get",
  path: "/v1/segments/{key}",
  access: "viewer",
  summary: "Get a segment",
  request: { params: segmentParams },
  responses: responses(200, "The segment", segmentAnswer),
});

const patch = defineRoute({
  method: "patch",
  path: "/v1/segments/{key}",
  access: "sender",
  summary: "Change the name or filter of a segment. Campaigns that have begun keep their audience.",
  request: {
    params: segmentParams,
    headers: ifMatchHeaders,
    body: jsonContent(
      z.strictObject({ name: segmentName.optional(), filter: describedFilter.optional() }),
    ),
  },
  responses: responses(200, "The segment after the change", segmentAnswer),
});

const remove = defineRoute({
  method: "delete",
  path: "/v1/segments/{key}",
  access: "sender",
  summary: "Delete a segment. Refused while a campaign that has not begun uses it.",
  request: { params: segmentParams },
  responses: { 204: { description: "The segment was deleted" }, ...problemResponse },
});

/** The number of campaigns that the refusal of a deletion names. */
const maxNamed = 10;

export function segmentRoutes(services: Services) {
  const { prisma, clock } = services;

  return createRouter()
    .openapi(create, async (c) => {
      const { key, name, filter } = c.req.valid("json");
      const taken = new Problem(
        "conflict",
        `There already is a segment with the key ${key}. Change that segment, or use another key.`,
      );
      const now = clock();
      return withIdempotentTransaction(c, services, 201, async (tx) => {
        if (await tx.segment.findUnique({ where: { key }, select: { id: true } })) throw taken;
        const row = await tx.segment
          .create({
            data: {
              id: newUuid(now),
              key,
              name,
              filter: filter as Prisma.InputJsonObject,
              createdAt: now,
              updatedAt: now,
            },
          })
          .catch((error: unknown) => {
            throw isUniqueViolation(error) ? taken : error;
          });
        const body = segmentJson(row);
        return { body, changes: [{ action: "segment.create", resource: key, after: body }] };
      });
    })
    .openapi(list, async (c) => {
      const query = c.req.valid("query");
      const filter = query.q === undefined ? {} : filterByKeyOrName(query.q);
      const segments = await readLongPage(
        query,
        sortable,
        (page) => prisma.segment.findMany(filterBy(page, filter)),
        segmentJson,
      );
      return c.json(segments, 200);
    })
    .openapi(get, async (c) => {
      const found = await readSegment(prisma, c.req.valid("param").key);
      if (!found) throw notFound("segment", "key");
      setEtag(c, found.row.version);
      return c.json(segmentJson(found.row), 200);
    })
    .openapi(patch, async (c) => {
      const { key } = c.req.valid("param");
      const { name, filter } = c.req.valid("json");
      const row = await changeVersioned(c, services, "segment.update", {
        lock: (tx) => lockSegment(tx, key, "change"),
        describe: (segment) => ({
          resource: key,
          version: segment.version,
          facts: segmentJson(segment),
        }),
        async write(tx, before) {
          const wanted = { name: name ?? before.name, filter: filter ?? before.filter };
          if (isDeepStrictEqual(wanted, { name: before.name, filter: before.filter })) return null;
          const after = await tx.segment.update({
            where: { key },
            data: {
              name: wanted.name,
              filter: wanted.filter as Prisma.InputJsonObject,
              updatedAt: clock(),
              version: { increment: 1 },
            },
          });
          return { after };
        },
      });
      return c.json(segmentJson(row), 200);
    })
    .openapi(remove, async (c) => {
      const { key } = c.req.valid("param");
      await withAuditedTransaction(c, services, async (tx) => {
        const before = await lockSegment(tx, key, "deletion");
        const using = await tx.$queryRaw<{ id: string }[]>`
          SELECT id FROM campaigns
          WHERE finished_at IS NULL AND frozen_at IS NULL
            AND (audience -> 'include' @> to_jsonb(${key}::text) OR audience -> 'exclude' @> to_jsonb(${key}::text))
          ORDER BY id LIMIT ${maxNamed + 1}`;
        if (using.length > 0) {
          const named = using.slice(0, maxNamed).map(({ id }) => publicId("campaign", id));
          throw new Problem(
            "conflict",
            `Campaigns that have not begun use the segment: ${named.join(", ")}${using.length > maxNamed ? " and others" : ""}. Change or cancel them first.`,
          );
        }
        await tx.segment.delete({ where: { key } });
        return {
          body: null,
          changes: [{ action: "segment.delete", resource: key, before: segmentJson(before) }],
        };
      });
      return c.body(null, 204);
    });
}
