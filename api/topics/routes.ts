import { isDeepStrictEqual } from "node:util";
import { z } from "@hono/zod-openapi";
import { newUuid } from "../../domain/ids.ts";
import { text } from "../../domain/text.ts";
import { topicDefinition, type TopicDefinition, topicKey } from "../../domain/topics.ts";
import type { Prisma, Topic } from "../../prisma/generated/client.ts";
import { isUniqueViolation } from "../http/database-errors.ts";
import { ifMatchHeaders, setEtag } from "../http/etag.ts";
import { idempotencyHeaders, withIdempotentTransaction } from "../http/idempotency.ts";
import { filterBy, filterByKeyOrName, readPage } from "../http/page-reading.ts";
import { pageOf, pageQuery } from "../http/pages.ts";
import { invalid, Problem } from "../http/problem.ts";
import { createRouter, defineRoute, jsonContent, responses } from "../http/router.ts";
import { changeVersioned } from "../http/versioned.ts";
import type { Services } from "../services.ts";
import { countSubscribers } from "./counts.ts";
import {
  definitionOf,
  lockTopic,
  readTopic,
  topicAnswer,
  topicJson,
  topicParams,
} from "./store.ts";

const create = defineRoute({
  method: "post",
  path: "/v1/topics",
  access: "sender",
  summary: "Create a topic, to which recipients subscribe",
  request: {
    headers: idempotencyHeaders,
    body: jsonContent(topicDefinition.extend({ key: topicKey })),
  },
  responses: responses(201, "The new topic", topicAnswer),
});

const counts = z
  .object({
    pending: z.number().int().openapi({ example: 12 }),
    subscribed: z.number().int().openapi({ example: 1840 }),
    unsubscribed: z.number().int().openapi({ example: 96 }),
  })
  .openapi({ description: "How many recipients have each status" });

const countedTopic = topicAnswer.extend({ subscribers: counts }).openapi("CountedTopic");

const sortable = { createdAt: "creation", key: "text", name: "text" } as const;

const list = defineRoute({
  method: "get",
  path: "/v1/topics",
  access: "viewer",
  summary: "List topics, newest first, with the numbers of their subscribers",
  request: {
    query: z.object({
      ...pageQuery(sortable),
      q: text(200).optional().openapi({
        description: "Part of the key or the name, without regard to case",
        example: "news",
      }),
      archived: z.enum(["true", "false"]).optional().openapi({
        description: "Only topics that are archived, or only those that are not",
        example: "false",
      }),
    }),
  },
  responses: responses(200, "A page of topics", pageOf(countedTopic)),
});

const get = defineRoute({
  method: "get",
  path: "/v1/topics/{key}",
  access: "viewer",
  summary: "Get a topic with the numbers of its subscribers",
  request: { params: topicParams },
  responses: responses(200, "The topic", countedTopic),
});

const { shape } = topicDefinition;
const patch = defineRoute({
  method: "patch",
  path: "/v1/topics/{key}",
  access: "sender",
  summary: "Change a topic. A field that is left out keeps its value.",
  description:
    "An archived topic takes no new subscribers, and no new campaign can name it. Its subscriptions stay, and are listed and ended as before.",
  request: {
    params: topicParams,
    headers: ifMatchHeaders,
    body: jsonContent(
      z
        .strictObject({
          name: shape.name,
          description: shape.description.unwrap(),
          publicNames: shape.publicNames.unwrap(),
          optIn: shape.optIn.unwrap(),
          isPublic: shape.isPublic.unwrap(),
          confirmationTemplate: shape.confirmationTemplate.unwrap(),
          isArchived: z.boolean(),
        })
        .partial()
        .openapi({ example: { isPublic: true } }),
    ),
  },
  responses: responses(200, "The topic after the change", topicAnswer),
});

/** Throws the problem if the template of a confirmation cannot be used. */
async function requireTemplate(
  tx: Pick<Prisma.TransactionClient, "template">,
  key: string | null | undefined,
): Promise<void> {
  if (key === null || key === undefined) return;
  const row = await tx.template.findUnique({ where: { key }, select: { archivedAt: true } });
  if (row && row.archivedAt === null) return;
  const message = row ? "names a template that is archived" : "names no template";
  throw invalid([{ in: "body", field: "/confirmationTemplate", message }]);
}

export function topicRoutes(services: Services) {
  const { prisma, pool, clock } = services;

  return createRouter()
    .openapi(create, async (c) => {
      const { key, ...definition } = c.req.valid("json");
      const taken = new Problem(
        "conflict",
        `There already is a topic with the key ${key}. Change that topic, or use another key.`,
      );
      const now = clock();
      return withIdempotentTransaction(c, services, 201, async (tx) => {
        if (await tx.topic.findUnique({ where: { key }, select: { id: true } })) throw taken;
        await requireTemplate(tx, definition.confirmationTemplate);
        const row = await tx.topic
          .create({
            data: { ...definition, id: newUuid(now), key, createdAt: now, updatedAt: now },
          })
          .catch((error: unknown) => {
            throw isUniqueViolation(error) ? taken : error;
          });
        const body = topicJson(row);
        return { body, changes: [{ action: "topic.create", resource: key, after: body }] };
      });
    })
    .openapi(list, async (c) => {
      const query = c.req.valid("query");
      const filters: Prisma.TopicWhereInput[] = [
        query.q === undefined ? {} : filterByKeyOrName(query.q),
        query.archived === undefined
          ? {}
          : { archivedAt: query.archived === "true" ? { not: null } : null },
      ];
      const page = await readPage(
        query,
        sortable,
        (part) => prisma.topic.findMany(filterBy(part, ...filters)),
        (row: Topic) => row,
      );
      const countsOf = await countSubscribers(
        pool,
        page.items.map(({ id }) => id),
      );
      const items = page.items.map((row) => ({ ...topicJson(row), subscribers: countsOf(row.id) }));
      return c.json({ ...page, items }, 200);
    })
    .openapi(get, async (c) => {
      const row = await readTopic(prisma, c.req.valid("param").key);
      setEtag(c, row.version);
      const countsOf = await countSubscribers(pool, [row.id]);
      return c.json({ ...topicJson(row), subscribers: countsOf(row.id) }, 200);
    })
    .openapi(patch, async (c) => {
      const { key } = c.req.valid("param");
      const { isArchived, ...wanted } = c.req.valid("json");
      const row = await changeVersioned(c, services, "topic.update", {
        lock: (tx) => lockTopic(tx, key),
        describe: (topic) => ({ resource: key, version: topic.version, facts: topicJson(topic) }),
        async write(tx, before) {
          const given = Object.fromEntries(
            Object.entries(wanted).filter(([, value]) => value !== undefined),
          ) as Partial<TopicDefinition>;
          const after: TopicDefinition = { ...definitionOf(before), ...given };
          const wasArchived = before.archivedAt !== null;
          const isToggled = isArchived !== undefined && isArchived !== wasArchived;
          if (!isToggled && isDeepStrictEqual(after, definitionOf(before))) return null;
          await requireTemplate(tx, wanted.confirmationTemplate);
          return {
            after: await tx.topic.update({
              where: { key },
              data: {
                ...after,
                ...(isToggled && { archivedAt: isArchived ? clock() : null }),
                updatedAt: clock(),
                version: { increment: 1 },
              },
            }),
          };
        },
      });
      return c.json(topicJson(row), 200);
    });
}
