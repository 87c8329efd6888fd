import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { recipientReference } from "../../domain/recipient.ts";
import { optIns, subscriptionStatuses } from "../../domain/consent.ts";
import { executeOn } from "../../ledger/sql.ts";
import { listTopicChoices, type TopicChoice } from "../../ledger/topic-choices.ts";
import type { ApiEnv } from "../http/context.ts";
import { notFound } from "../http/problem.ts";
import { createRouter, defineRoute, responses } from "../http/router.ts";
import { readRecipient, recipientParams } from "../recipients/store.ts";
import type { Services } from "../services.ts";
import { changeSubscription } from "./change-subscription.ts";
import { readKnownTopic, readOpenTopic, topicParams } from "./store.ts";
import { consentOf } from "./consent-of.ts";

const choice = z
  .object({
    key: z.string().openapi({ example: "newsletter" }),
    name: z.string().openapi({
      description: "The name for recipients, in the recipient’s language",
      example: "News of the month",
    }),
    optIn: z.enum(optIns).openapi({ description: "Whether subscribing needs a confirmation" }),
    isPublic: z.boolean(),
    isOpen: z.boolean().openapi({
      description: "Whether the recipient can subscribe by themselves: it is public, not archived",
    }),
    status: z.enum(subscriptionStatuses).nullable().openapi({
      description: "Null if they never were subscribed, and never asked to be",
    }),
    subscribedAt: z.iso.datetime().nullable(),
  })
  .openapi("TopicChoice");

const choices = z.object({ items: z.array(choice) });

const ofRecipient = defineRoute({
  method: "get",
  path: "/v1/recipients/{recipient}/topics",
  access: "viewer",
  summary: "List the topics of a recipient, and the public ones that they can subscribe to",
  request: { params: recipientParams },
  responses: responses(200, "The topics, by key", choices),
});

const mine = defineRoute({
  method: "get",
  path: "/v1/me/topics",
  access: "recipient",
  summary: "List my topics, and the public ones that I can subscribe to",
  responses: responses(200, "The topics, by key", choices),
});

const subscribeMe = defineRoute({
  method: "put",
  path: "/v1/me/topics/{key}",
  access: "recipient",
  summary: "Subscribe to a public topic",
  description:
    "A topic with `double` opt-in sends me an email that asks for confirmation, and my subscription is `pending` until then.",
  request: { params: topicParams },
  responses: responses(200, "The topics after the change, by key", choices),
});

const unsubscribeMe = defineRoute({
  method: "delete",
  path: "/v1/me/topics/{key}",
  access: "recipient",
  summary: "End my subscription to a topic",
  request: { params: topicParams },
  responses: responses(200, "The topics after the change, by key", choices),
});

const choiceJson = ({ subscribedAt, ...rest }: TopicChoice): z.output<typeof choice> => ({
  ...rest,
  subscribedAt: subscribedAt?.toISOString() ?? null,
});

/** The routes of the topics of one recipient: for callers with a key, and for the recipient with a token. */
export function recipientTopicRoutes(services: Services) {
  const { prisma, pool } = services;
  const list = async (recipientId: string) => ({
    items: (await listTopicChoices(executeOn(pool), recipientId)).map(choiceJson),
  });
  /** The recipient whose token was sent. Throws the problem if they were erased. */
  const readMe = (c: Context<ApiEnv>) => readRecipient(prisma, { id: c.get("recipientId") });

  return createRouter()
    .openapi(ofRecipient, async (c) => {
      const named = recipientReference(c.req.valid("param").recipient);
      return c.json(await list((await readRecipient(prisma, named)).id), 200);
    })
    .openapi(mine, async (c) => c.json(await list((await readMe(c)).id), 200))
    .openapi(subscribeMe, async (c) => {
      const { id: recipientId, locale } = await readMe(c);
      const topic = await readOpenTopic(executeOn(pool), c.req.valid("param").key);
      // What is not offered to recipients does not exist for them.
      if (!topic.isPublic) throw notFound("topic", "key");
      const consent = consentOf(c, { locale });
      await changeSubscription(c, services, "subscribed", { recipientId, topic, consent });
      return c.json(await list(recipientId), 200);
    })
    .openapi(unsubscribeMe, async (c) => {
      const { id: recipientId } = await readMe(c);
      const topic = await readKnownTopic(executeOn(pool), c.req.valid("param").key);
      const consent = consentOf(c);
      await changeSubscription(c, services, "unsubscribed", { recipientId, topic, consent });
      return c.json(await list(recipientId), 200);
    });
}
