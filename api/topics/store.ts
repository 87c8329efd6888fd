import { z } from "@hono/zod-openapi";
import { publicId } from "../../domain/ids.ts";
import { optIns } from "../../domain/consent.ts";
import { type TopicDefinition, topicKey } from "../../domain/topics.ts";
import type { Execute } from "../../ledger/sql.ts";
import { type KnownTopic, readTopicsByKey } from "../../ledger/topics.ts";
import type { Prisma, Topic } from "../../prisma/generated/client.ts";
import { invalid, notFound, Problem } from "../http/problem.ts";

export const topicParams = z.object({
  key: topicKey.meta({ description: "The key of the topic" }),
});

/** The schema of a topic in every response. */
export const topicAnswer = z
  .object({
    id: z.string().openapi({ example: "top_01jd3v8qyee7fr8xmcsnh5hbcd" }),
    key: z.string().openapi({ example: "newsletter" }),
    name: z.string().openapi({ example: "Newsletter" }),
    description: z.string().openapi({ example: "Once a month, by the editors" }),
    publicNames: z.record(z.string(), z.string()).openapi({ example: { de: "Neues im Monat" } }),
    optIn: z.enum(optIns),
    isPublic: z.boolean().openapi({ example: true }),
    confirmationTemplate: z.string().nullable().openapi({ example: null }),
    isArchived: z
      .boolean()
      .openapi({ description: "Whether it takes no new subscribers", example: false }),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .openapi("Topic");

export const definitionOf = (row: Topic): TopicDefinition => ({
  name: row.name,
  description: row.description,
  publicNames: row.publicNames as TopicDefinition["publicNames"],
  optIn: row.optIn,
  isPublic: row.isPublic,
  confirmationTemplate: row.confirmationTemplate,
});

export const topicJson = (row: Topic): z.output<typeof topicAnswer> => ({
  id: publicId("topic", row.id),
  key: row.key,
  ...definitionOf(row),
  isArchived: row.archivedAt !== null,
  createdAt: row.createdAt.toISOString(),
  updatedAt: row.updatedAt.toISOString(),
});

/** Reads a topic. Throws a 404 if there is none. */
export async function readTopic(
  client: Pick<Prisma.TransactionClient, "topic">,
  key: string,
): Promise<Topic> {
  const row = await client.topic.findUnique({ where: { key } });
  if (!row) throw notFound("topic", "key");
  return row;
}

/** Locks a topic against other changes until the end of the transaction, and reads it. Throws a 404 if there is none. */
export async function lockTopic(tx: Prisma.TransactionClient, key: string): Promise<Topic> {
  await tx.$queryRaw`SELECT FROM topics WHERE key = ${key} FOR NO KEY UPDATE`;
  return readTopic(tx, key);
}

/** Reads a topic for a change of subscriptions. Throws a 404 if there is none. */
export async function readKnownTopic(execute: Execute, key: string): Promise<KnownTopic> {
  const [topic] = await readTopicsByKey(execute, [key]);
  if (!topic) throw notFound("topic", "key");
  return topic;
}

/** Reads a topic for a new subscription. Throws the problem if there is none, or if it is archived. */
export async function readOpenTopic(execute: Execute, key: string): Promise<KnownTopic> {
  const topic = await readKnownTopic(execute, key);
  if (topic.isArchived)
    throw new Problem("conflict", "The topic is archived, and takes no new subscribers.");
  return topic;
}

/** Reads the topic that a campaign names. Throws the problem if it cannot be used. */
export async function holdTopic(
  tx: Pick<Prisma.TransactionClient, "topic">,
  key: string,
): Promise<Topic> {
  const row = await tx.topic.findUnique({ where: { key } });
  const refuse = (message: string) => invalid([{ in: "body", field: "/topic", message }]);
  if (!row) throw refuse("names no topic: create the topic first with POST /v1/topics");
  if (row.archivedAt) throw refuse("names a topic that is archived");
  return row;
}
