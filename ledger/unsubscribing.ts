import type { EventKind } from "../domain/event-kinds.ts";
import type { NotificationType } from "../domain/policy/notification-type.ts";
import type { Preferences } from "../domain/policy/preferences.ts";
import type { Priority } from "../domain/priority.ts";
import { suppressionKey } from "../domain/suppression.ts";
import type { ActionTarget } from "../domain/tokens.ts";
import { findMailingList, undoMs, type Unsubscription } from "../domain/unsubscribing.ts";
import { byTarget, idOf } from "./recipient-actions.ts";
import { defineStatement, type Execute } from "./sql.ts";
import { queueForEndpoints } from "./webhook-events.ts";

/** A recipient who follows a link to unsubscribe. */
export interface Subscriber {
  id: string;
  locale: string;
  /** Null without an address, and after erasure. */
  email: string | null;
  isErased: boolean;
  /** Null if none were ever set. */
  preferences: Preferences | null;
  preferencesVersion: number;
}

const subscriberSql = `
  SELECT id, locale, email, erased_at IS NOT NULL AS "isErased", preferences, preferences_version AS "preferencesVersion"
  FROM recipients WHERE id = :id::uuid`;

const readStatement = defineStatement<{ id: string }, Subscriber>(subscriberSql, "subscriber");
const lockStatement = defineStatement<{ id: string }, Subscriber>(
  `${subscriberSql} FOR NO KEY UPDATE`,
);

/** Reads a recipient, and locks the row if it is to be changed; null if there is none. */
export async function readSubscriber(
  execute: Execute,
  id: string,
  { lock }: { lock: boolean },
): Promise<Subscriber | null> {
  const [row] = await execute(lock ? lockStatement : readStatement, { id });
  return row ?? null;
}

const preferencesStatement = defineStatement<{ id: string; version: number; document: string }>(`
  WITH changed AS (
    UPDATE recipients SET preferences = :document::text::jsonb, preferences_version = :version::int WHERE id = :id::uuid RETURNING id
  )
  INSERT INTO preference_versions (recipient_id, version, document, created_by, created_at)
  SELECT id, :version::int, :document::text::jsonb, 'recipient', ledger_now() FROM changed`);

/** Writes the preferences of a locked recipient as their next version. Resolves with its number. */
export async function writePreferences(
  execute: Execute,
  { id, preferences, preferencesVersion }: Subscriber,
): Promise<number> {
  const version = preferencesVersion + 1;
  await execute(preferencesStatement, { id, version, document: JSON.stringify(preferences) });
  return version;
}

const resubscribeStatement = defineStatement<{ address: string }, object>(
  "DELETE FROM suppressions WHERE channel = 'email' AND address = :address::text AND reason = 'unsubscribed' RETURNING 1",
);

/** Ends the suppression of an email address whose owner unsubscribed. Resolves with whether there was one; those for other reasons stay. */
export const endUnsubscription = async (execute: Execute, email: string): Promise<boolean> =>
  (await execute(resubscribeStatement, { address: suppressionKey("email", email)! })).length > 0;

/** What somebody has unsubscribed from: the keys of a type or a topic; both null for all email. */
interface Left {
  type: string | null;
  topic: string | null;
}

const leftStatement = defineStatement<{ recipientId: string }, Left>(
  `SELECT data ->> 'type' AS type, data ->> 'topic' AS topic FROM events
   WHERE recipient_id = :recipientId::uuid AND id >= (SELECT uuid_v7(ledger_now() - interval '${undoMs} milliseconds')) AND kind IN ('recipient.unsubscribed', 'topic.unsubscribed')`,
);

/** Reads from what a recipient has unsubscribed so lately that they can undo it by a link. Resolves with a function that says it. */
export async function readUndoable(
  execute: Execute,
  recipientId: string,
): Promise<(left: Left) => boolean> {
  const lately = await execute(leftStatement, { recipientId });
  return ({ type, topic }) => lately.some((left) => left.type === type && left.topic === topic);
}

/** What is known of a message from which its recipient unsubscribes without a token that says it. */
interface ListedRow {
  recipientId: string;
  typeId: string | null;
  /** The topic of its campaign. */
  topic: { id: string; key: string } | null;
  isOfCampaign: boolean;
  priority: Priority;
  group: "batch" | "digest" | null;
}

const listedStatement = byTarget<object, ListedRow>(
  (column) => `
  SELECT d.recipient_id AS "recipientId", coalesce(n.type_id, c.type_id) AS "typeId", d.campaign_id IS NOT NULL AS "isOfCampaign", d.priority,
    CASE WHEN o.id IS NOT NULL THEN jsonb_build_object('id', o.id, 'key', o.key) END AS topic, g.kind AS group
  FROM deliveries d LEFT JOIN notifications n ON n.id = d.notification_id LEFT JOIN campaigns c ON c.id = d.campaign_id
    LEFT JOIN topics o ON o.id = c.topic_id LEFT JOIN groups g ON g.id = d.group_id AND ${column === "group_id"}
  WHERE d.${column} = :target::uuid ORDER BY d.id LIMIT 1`,
);

/** Finds what the recipient of a message can unsubscribe from; null if the message is no longer stored, or comes whatever they have switched off. */
export async function findUnsubscription(
  execute: Execute,
  message: ActionTarget,
  types: ReadonlyMap<string, NotificationType>,
): Promise<Unsubscription | null> {
  const [row] = await execute(listedStatement(message), { target: idOf(message) });
  if (!row) return null;
  const type = row.typeId === null ? null : (types.get(row.typeId) ?? null);
  const list = findMailingList({ ...row, type });
  if (list === null) return null;
  const { typeId, topicId } = list;
  return { recipientId: row.recipientId, typeId, topicId, message };
}

const eventStatement = defineStatement<{
  kind: EventKind;
  deliveryId: string | null;
  recipientId: string;
  type: string | null;
  topic: string | null;
}>(`
  WITH written AS (
    INSERT INTO events (id, kind, delivery_id, recipient_id, data, due_at, created_at)
    VALUES (uuid_v7(ledger_now()), :kind::text, :deliveryId::uuid, :recipientId::uuid, jsonb_strip_nulls(jsonb_build_object('type', :type::text, 'topic', :topic::text)), ledger_now(), ledger_now())
    RETURNING *
  ),
  ${queueForEndpoints("written")}
  SELECT FROM written LIMIT 0`);

/** Records that a recipient has unsubscribed or subscribed again, and by which delivery, if it was a single one. */
export const recordSubscription = (
  execute: Execute,
  {
    topic = null,
    ...event
  }: {
    kind:
      | "recipient.unsubscribed"
      | "recipient.resubscribed"
      | "topic.subscribed"
      | "topic.unsubscribed";
    deliveryId: string | null;
    recipientId: string;
    /** The key of the type; null for all email, and for a topic. */
    type: string | null;
    /** The key of the topic. */
    topic?: string | null;
  },
): Promise<unknown> => execute(eventStatement, { ...event, topic });
