import type {
  ConsentStep,
  ConsentWay,
  CurrentSubscription,
  SubscriptionStatus,
} from "../domain/consent.ts";
import { defineStatement, type Execute } from "./sql.ts";

/** A change of one subscription, with the step of consent that is its evidence. Ids are UUIDs. */
export interface SubscriptionChange {
  /** The id of the subscription if it is a new one, and the id of the entry. */
  id: string;
  entryId: string;
  topicId: string;
  recipientId: string;
  status: SubscriptionStatus;
  step: ConsentStep;
  way: ConsentWay;
  /** The public id of the key or the operator; null for recipients. */
  actor: string | null;
  source: string | null;
  locale: string | null;
  textVersion: string | null;
  /** When consent was given, if that was before now. */
  consentedAt?: string | null;
}

/**
 * The SQL of the way in which the recipient of the subscription `s` has unsubscribed and was not subscribed again since: their own, if they did it
 * themselves. Null if they did not. The evidence tells it while the subscription is `pending` again.
 */
export const leftBefore = `(
     SELECT l.way FROM consent_entries l
     WHERE l.recipient_id = s.recipient_id AND l.topic_id = s.topic_id AND l.step = 'unsubscribed' AND NOT EXISTS (
       SELECT FROM consent_entries b
       WHERE b.recipient_id = s.recipient_id AND b.topic_id = s.topic_id AND b.step IN ('confirmed', 'subscribed', 'imported') AND b.id > l.id
     )
     ORDER BY l.way = 'recipient' DESC, l.id DESC LIMIT 1)`;

const currentStatement = defineStatement<
  { recipientIds: readonly string[]; topicIds: readonly string[] },
  CurrentSubscription & { recipientId: string; topicId: string }
>(
  `SELECT s.recipient_id AS "recipientId", s.topic_id AS "topicId", s.status, s.requested_at AS "requestedAt",
     CASE WHEN s.status <> 'subscribed' THEN coalesce(${leftBefore}, CASE WHEN s.status = 'unsubscribed' THEN s.changed_by END) END AS "leftBy"
   FROM topic_subscriptions s WHERE s.recipient_id = ANY(:recipientIds::uuid[]) AND s.topic_id = ANY(:topicIds::uuid[])`,
);

/**
 * Reads subscriptions of recipients to topics. Resolves with a function that finds one; null if there is none. A change is based on it only while
 * the recipients are locked.
 */
export async function readSubscriptions(
  execute: Execute,
  recipientIds: readonly string[],
  topicIds: readonly string[],
): Promise<(recipientId: string, topicId: string) => CurrentSubscription | null> {
  const rows = await execute(currentStatement, { recipientIds, topicIds });
  const found = new Map(rows.map((row) => [`${row.recipientId} ${row.topicId}`, row]));
  return (recipientId, topicId) => found.get(`${recipientId} ${topicId}`) ?? null;
}

/** A request that is repeated keeps the time of the first one, so that the links that were sent stay valid. */
const changeStatement = defineStatement<{ rows: string; now: Date }>(`
  WITH given AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(:rows::text::jsonb)
      AS n(id uuid, "entryId" uuid, "topicId" uuid, "recipientId" uuid, status subscription_status, step text, way text, actor text, source text,
        locale text, "textVersion" text, "consentedAt" timestamptz)
  ),
  changed AS (
    INSERT INTO topic_subscriptions AS s (id, topic_id, recipient_id, status, changed_by, requested_at, subscribed_at, updated_at)
    SELECT id, "topicId", "recipientId", status, way, CASE WHEN status = 'pending' THEN :now::timestamptz END,
      CASE WHEN status = 'subscribed' THEN coalesce("consentedAt", :now::timestamptz) END, :now::timestamptz
    FROM given ORDER BY "recipientId", "topicId"
    ON CONFLICT (recipient_id, topic_id) DO UPDATE SET status = excluded.status, changed_by = excluded.changed_by,
      requested_at = CASE WHEN s.status = 'pending' THEN s.requested_at ELSE excluded.requested_at END,
      subscribed_at = excluded.subscribed_at, updated_at = excluded.updated_at
  )
  INSERT INTO consent_entries (id, topic_id, recipient_id, step, way, actor, source, locale, text_version, created_at)
  SELECT "entryId", "topicId", "recipientId", step, way, actor, source, locale, "textVersion", coalesce("consentedAt", :now::timestamptz) FROM given`);

/** Changes subscriptions of locked recipients, at most one for each recipient and topic, and records the consent. */
export async function changeSubscriptions(
  execute: Execute,
  changes: readonly SubscriptionChange[],
  now: Date,
): Promise<void> {
  if (changes.length === 0) return;
  await execute(changeStatement, { rows: JSON.stringify(changes), now });
}

/** A step of a recipient's consent to a topic, as they are told of it. */
interface ConsentEvidence {
  topic: string;
  step: string;
  way: string;
  source: string | null;
  at: Date;
}

const consentStatement = defineStatement<{ recipientId: string }, ConsentEvidence>(`
  SELECT t.key AS topic, c.step, c.way, c.source, c.created_at AS at FROM consent_entries c JOIN topics t ON t.id = c.topic_id
  WHERE c.recipient_id = :recipientId::uuid ORDER BY c.id LIMIT 1000`);

/** Lists the steps of a recipient's consent, the oldest first. */
export const listConsent = (execute: Execute, recipientId: string): Promise<ConsentEvidence[]> =>
  execute(consentStatement, { recipientId });

const withdrawStatement = defineStatement<{ entryIds: readonly string[] }>(
  "DELETE FROM consent_entries WHERE id = ANY(:entryIds::uuid[]) AND step = 'requested'",
);

/** Takes back entries that say that a confirmation was requested, because the message could not be accepted. */
export const withdrawRequests = (execute: Execute, entryIds: readonly string[]) =>
  execute(withdrawStatement, { entryIds });

/** The most messages that ask one recipient for confirmation in a day. In an hour, one asks for each topic. */
const maxRequestsADay = 5;

const recentStatement = defineStatement<
  { recipientId: string; now: Date },
  { requestsADay: number; topicIds: string[] }
>(`
  SELECT count(DISTINCT created_at)::int AS "requestsADay",
    coalesce(array_agg(DISTINCT topic_id) FILTER (WHERE created_at > :now::timestamptz - interval '1 hour'), '{}') AS "topicIds"
  FROM consent_entries WHERE recipient_id = :recipientId::uuid AND step = 'requested' AND created_at > :now::timestamptz - interval '1 day'`);

/** Keeps those of `topicIds` for which a locked recipient may be asked for confirmation now. One message may ask for several. */
export async function listRequestable(
  execute: Execute,
  { recipientId, topicIds }: { recipientId: string; topicIds: readonly string[] },
  now: Date,
): Promise<string[]> {
  const [recent] = await execute(recentStatement, { recipientId, now });
  if (recent!.requestsADay >= maxRequestsADay) return [];
  return topicIds.filter((id) => !recent!.topicIds.includes(id));
}

const addressStatement = defineStatement<{ address: string }>(
  "SELECT pg_advisory_xact_lock(hashtextextended(:address::text, 20261201))",
);

/** Makes transactions that look for the recipient with an address take turns, so that two of them do not create two recipients. */
export const lockAddress = (execute: Execute, address: string) =>
  execute(addressStatement, { address });

const lockRecipientsStatement = defineStatement<
  { ids: readonly string[]; names: readonly string[] },
  { id: string; externalId: string }
>(`
  SELECT id, external_id AS "externalId" FROM recipients
  WHERE (id = ANY(:ids::uuid[]) OR external_id = ANY(:names::text[])) AND erased_at IS NULL ORDER BY id FOR NO KEY UPDATE`);

/** Locks recipients by UUIDs and external ids, in the order of their ids. Those who do not exist, or were erased, are left out. */
export const lockRecipients = (
  execute: Execute,
  named: { ids: readonly string[]; names: readonly string[] },
) => execute(lockRecipientsStatement, named);
