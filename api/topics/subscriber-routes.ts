import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { publicId } from "../../domain/ids.ts";
import { localeTag, recipientReference } from "../../domain/recipient.ts";
import { consentSteps, consentWays, subscriptionStatuses } from "../../domain/consent.ts";
import { consentSource } from "../../domain/topics.ts";
import { executeOn } from "../../ledger/sql.ts";
import type { ConsentEntry, Prisma } from "../../prisma/generated/client.ts";
import type { ApiEnv } from "../http/context.ts";
import { maskFor } from "../http/masking.ts";
import { filterBy, readPage } from "../http/page-reading.ts";
import { byCreation, oneOrMore, pageOf, pageQuery } from "../http/pages.ts";
import { notFound } from "../http/problem.ts";
import {
  createRouter,
  defineRoute,
  jsonContent,
  problemResponse,
  responses,
} from "../http/router.ts";
import { readRecipient, recipientParams } from "../recipients/store.ts";
import type { Services } from "../services.ts";
import { changeSubscription } from "./change-subscription.ts";
import { readKnownTopic, readOpenTopic, topicParams } from "./store.ts";
import { consentOf } from "./consent-of.ts";

const subscriber = z.object({
  recipient: z.string().openapi({ example: "rcp_01jd3v8qyee7fr8xmcsnh5hbcd" }),
  externalId: z.string().openapi({ example: "ada" }),
  status: z.enum(subscriptionStatuses),
  changedBy: z
    .enum(consentWays)
    .openapi({ description: "By what the status was last changed", example: "form" }),
  requestedAt: z.iso
    .datetime()
    .nullable()
    .openapi({ description: "When a confirmation was asked for; null if none was" }),
  subscribedAt: z.iso
    .datetime()
    .nullable()
    .openapi({ description: "Since when; null while they are not subscribed" }),
  updatedAt: z.iso.datetime(),
});

const consent = z.object({
  at: z.iso.datetime(),
  step: z.enum(consentSteps),
  way: z.enum(consentWays),
  actor: z.string().nullable().openapi({
    description: "The id of the key or the operator; null for the recipient",
    example: null,
  }),
  source: z
    .string()
    .nullable()
    .openapi({ description: "The page or the occasion", example: "https://www.example.org/shop" }),
  locale: z
    .string()
    .nullable()
    .openapi({ description: "The language of the texts that were shown", example: "de" }),
  textVersion: z.string().nullable().openapi({
    description: "The version of the texts of Tidings that were shown; null if there were none",
    example: "1",
  }),
});

const subscriberAnswer = subscriber.openapi("TopicSubscriber");
const evidencedSubscriber = subscriber
  .extend({
    consent: z
      .array(consent)
      .openapi({ description: "The newest 100 steps of the consent, the newest first" }),
  })
  .openapi("TopicSubscriberWithConsent");

const list = defineRoute({
  method: "get",
  path: "/v1/topics/{key}/subscribers",
  access: "viewer",
  summary: "List the subscribers of a topic, newest first, also those who have unsubscribed",
  request: {
    params: topicParams,
    query: z.object({
      ...pageQuery(byCreation),
      status: oneOrMore(subscriptionStatuses).optional(),
    }),
  },
  responses: responses(200, "A page of subscribers", pageOf(subscriberAnswer)),
});

const params = topicParams.extend(recipientParams.shape);
const path = "/v1/topics/{key}/subscribers/{recipient}";

const get = defineRoute({
  method: "get",
  path,
  access: "viewer",
  summary: "Get the subscription of a recipient to a topic, with the evidence of their consent",
  request: { params },
  responses: responses(200, "The subscription", evidencedSubscriber),
});

const put = defineRoute({
  method: "put",
  path,
  access: "sender",
  summary: "Subscribe a recipient to a topic",
  description:
    "A topic with `double` opt-in sends the recipient an email that asks for confirmation, and the subscription is `pending` until then. It is sent once an hour for each topic, and five times a day at most. " +
    "Somebody who has unsubscribed by themselves is asked for confirmation by every topic. Repeating the request for somebody who is subscribed changes nothing.",
  request: {
    params,
    body: jsonContent(
      z.strictObject({ source: consentSource.optional(), locale: localeTag.optional() }).openapi({
        example: { source: "https://www.example.org/shop/checkout", locale: "de" },
      }),
    ),
  },
  responses: responses(200, "The subscription", evidencedSubscriber),
});

const remove = defineRoute({
  method: "delete",
  path,
  access: "sender",
  summary: "End the subscription of a recipient to a topic. Idempotent.",
  request: { params },
  responses: { 204: { description: "The recipient is not subscribed" }, ...problemResponse },
});

const maxConsentShown = 100;
const withRecipient = { recipient: { select: { id: true, externalId: true } } } as const;
type Row = Prisma.TopicSubscriptionGetPayload<{ include: typeof withRecipient }>;

function subscriberJson(row: Row): z.output<typeof subscriber> {
  return {
    recipient: publicId("recipient", row.recipient.id),
    externalId: row.recipient.externalId!,
    status: row.status,
    changedBy: row.changedBy as z.output<typeof subscriber>["changedBy"],
    requestedAt: row.requestedAt?.toISOString() ?? null,
    subscribedAt: row.subscribedAt?.toISOString() ?? null,
    updatedAt: row.updatedAt.toISOString(),
  };
}

const consentJson = (row: ConsentEntry): z.output<typeof consent> => ({
  at: row.createdAt.toISOString(),
  step: row.step as z.output<typeof consent>["step"],
  way: row.way as z.output<typeof consent>["way"],
  actor: row.actor,
  source: row.source,
  locale: row.locale,
  textVersion: row.textVersion,
});

export function topicSubscriberRoutes(services: Services) {
  const { prisma, pool } = services;

  async function findBoth(named: { key: string; recipient: string }) {
    const topic = await readKnownTopic(executeOn(pool), named.key);
    const recipient = await readRecipient(prisma, recipientReference(named.recipient));
    return { topic, recipient };
  }

  async function readEvidenced(c: Context<ApiEnv>, ids: { topicId: string; recipientId: string }) {
    const row = await prisma.topicSubscription.findUnique({
      where: { recipientId_topicId: ids },
      include: withRecipient,
    });
    if (!row) throw notFound("subscription");
    const entries = await prisma.consentEntry.findMany({
      where: ids,
      orderBy: { id: "desc" },
      take: maxConsentShown,
    });
    return maskFor(c, { ...subscriberJson(row), consent: entries.map(consentJson) });
  }

  return createRouter()
    .openapi(list, async (c) => {
      const { status, ...query } = c.req.valid("query");
      const { id: topicId } = await readKnownTopic(executeOn(pool), c.req.valid("param").key);
      const filter = { topicId, ...(status && { status: { in: status } }) };
      const page = await readPage(
        query,
        byCreation,
        (part) =>
          prisma.topicSubscription.findMany({ ...filterBy(part, filter), include: withRecipient }),
        (row) => maskFor(c, subscriberJson(row)),
      );
      return c.json(page, 200);
    })
    .openapi(get, async (c) => {
      const { topic, recipient } = await findBoth(c.req.valid("param"));
      const ids = { topicId: topic.id, recipientId: recipient.id };
      return c.json(await readEvidenced(c, ids), 200);
    })
    .openapi(put, async (c) => {
      const { source, locale } = c.req.valid("json");
      const { recipient } = await findBoth(c.req.valid("param"));
      const topic = await readOpenTopic(executeOn(pool), c.req.valid("param").key);
      await changeSubscription(c, services, "subscribed", {
        recipientId: recipient.id,
        topic,
        consent: consentOf(c, { source: source ?? null, locale: locale ?? null }),
      });
      const ids = { topicId: topic.id, recipientId: recipient.id };
      return c.json(await readEvidenced(c, ids), 200);
    })
    .openapi(remove, async (c) => {
      const { topic, recipient } = await findBoth(c.req.valid("param"));
      await changeSubscription(c, services, "unsubscribed", {
        recipientId: recipient.id,
        topic,
        consent: consentOf(c),
      });
      return c.body(null, 204);
    });
}
