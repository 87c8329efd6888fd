import type { SubscriptionStatus } from "../domain/consent.ts";
import type { TopicDefinition } from "../domain/topics.ts";
import { publicNameOf } from "../domain/topics.ts";
import { defineStatement, type Execute } from "./sql.ts";

interface Row extends Pick<TopicDefinition, "name" | "publicNames" | "isPublic" | "optIn"> {
  key: string;
  isArchived: boolean;
  status: SubscriptionStatus | null;
  subscribedAt: Date | null;
  locale: string;
}

/** A topic as a recipient sees it. */
export interface TopicChoice {
  key: string;
  /** In the language of the recipient. */
  name: string;
  isPublic: boolean;
  optIn: TopicDefinition["optIn"];
  /** Null if the recipient never was subscribed, and never asked to be. */
  status: SubscriptionStatus | null;
  subscribedAt: Date | null;
  /** Whether the recipient can subscribe: the topic is public and not archived. */
  isOpen: boolean;
}

/** The most topics that are shown to a recipient. */
const maxTopics = 200;

const statement = defineStatement<{ id: string }, Row>(`
  SELECT t.key, t.name, t.public_names AS "publicNames", t.is_public AS "isPublic", t.opt_in AS "optIn", t.archived_at IS NOT NULL AS "isArchived",
    s.status, s.subscribed_at AS "subscribedAt", r.locale
  FROM recipients r CROSS JOIN topics t LEFT JOIN topic_subscriptions s ON s.topic_id = t.id AND s.recipient_id = r.id
  WHERE r.id = :id::uuid AND r.erased_at IS NULL AND (s.id IS NOT NULL OR t.is_public AND t.archived_at IS NULL)
  ORDER BY t.key LIMIT ${maxTopics}`);

/** Lists the topics that a recipient is, or was, subscribed to, and the public ones that they can subscribe to. */
export async function listTopicChoices(
  execute: Execute,
  recipientId: string,
): Promise<TopicChoice[]> {
  const rows = await execute(statement, { id: recipientId });
  return rows.map(({ publicNames, locale, isArchived, name, ...row }) => ({
    key: row.key,
    name: publicNameOf({ name, publicNames }, locale),
    isPublic: row.isPublic,
    optIn: row.optIn,
    status: row.status,
    subscribedAt: row.subscribedAt,
    isOpen: row.isPublic && !isArchived,
  }));
}
