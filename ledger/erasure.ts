import { addressKey } from "../domain/address.ts";
import { parsePublicId, publicId } from "../domain/ids.ts";
import { marksOf } from "../domain/personal-marks.ts";
import { hashedAddress } from "../domain/suppression.ts";
import { eraseAddresses } from "./addresses.ts";
import { LedgerBusy } from "./contention.ts";
import { eraseEngagements } from "./engagement.ts";
import {
  createSearch,
  eraseFromAnswers,
  eraseFromAudit,
  eraseFromFilters,
  forgetCorrected,
  mentions,
  type NamingResources,
  type Search,
} from "./erase-mentions.ts";
import { eraseFromRules, forgetEarlierRules } from "./erase-from-rules.ts";
import { eraseFromRequests } from "./erase-requests.ts";
import { defineStatement, type Execute } from "./sql.ts";
import { eraseDeliveries, type RowThatLeft } from "./transitions.ts";
import { eraseWebhookAnswers } from "./webhook-endpoints.ts";

interface Person {
  id: string;
  externalId: string | null;
  email: string | null;
  phone: string | null;
  attributes: unknown;
  version: number;
  erased: boolean;
}

const personColumns = `id, external_id AS "externalId", email, phone, attributes, version, erased_at IS NOT NULL AS erased`;

const personByName = defineStatement<{ externalId: string }, Person>(
  `SELECT ${personColumns} FROM recipients WHERE external_id = :externalId::text`,
);
const personById = defineStatement<{ id: string }, Person>(
  `SELECT ${personColumns} FROM recipients WHERE id = :id::uuid`,
);

/** FOR UPDATE waits for transactions that add deliveries for this recipient, so that these are cancelled as well. */
const lockStatement = defineStatement<{ id: string }, { version: number; erased: boolean }>(
  "SELECT version, erased_at IS NOT NULL AS erased FROM recipients WHERE id = :id::uuid FOR UPDATE",
);

const blankStatement = defineStatement<{ id: string; now: Date }>(
  `UPDATE recipients SET external_id = NULL, email = NULL, phone = NULL, time_zone = 'UTC', locale = 'en', attributes = '{}', preferences = NULL,
     engaged_hours = '{}', address_channels = '{}', erased_at = :now::timestamptz, updated_at = :now::timestamptz, version = version + 1
   WHERE id = :id::uuid`,
);

const preferencesStatement = defineStatement<{ id: string }>(
  "DELETE FROM preference_versions WHERE recipient_id = :id::uuid",
);

/** Providers' answers may contain an address, and faults of templates may contain data. */
const evidenceStatement = defineStatement<{ id: string }>(
  `WITH earlier AS (
     UPDATE earlier_attempts SET response = NULL
     WHERE response IS NOT NULL AND delivery_id IN (SELECT id FROM deliveries WHERE recipient_id = :id::uuid)
   )
   UPDATE ended_deliveries SET detail = NULL, response = NULL
   WHERE recipient_id = :id::uuid AND (detail IS NOT NULL OR response IS NOT NULL)`,
);

const ofPerson =
  "n.id IN (SELECT notification_id FROM deliveries WHERE recipient_id = :id::uuid AND notification_id IS NOT NULL)";
const isShared =
  "EXISTS (SELECT FROM deliveries d WHERE d.notification_id = n.id AND d.recipient_id <> :id::uuid)";

const ownNotificationsStatement = defineStatement<{ id: string }>(
  `UPDATE notifications AS n SET data = '{}', actions = '[]', entity_id = NULL, dedup_key = NULL, collapse_key = NULL, request_id = NULL
   WHERE ${ofPerson} AND NOT ${isShared}`,
);

interface Shared {
  id: string;
  data: unknown;
  actions: unknown;
  entityId: string | null;
  dedupKey: string | null;
  collapseKey: string | null;
  requestId: string | null;
  /** Whether the notification still has open deliveries to other recipients. */
  open: boolean;
}

const sharedNotificationsStatement = defineStatement<
  { id: string; patterns: readonly string[] },
  Shared
>(
  `SELECT n.id, n.data, n.actions, n.entity_id AS "entityId", n.dedup_key AS "dedupKey", n.collapse_key AS "collapseKey",
     n.request_id AS "requestId", EXISTS (SELECT FROM open_deliveries o WHERE o.notification_id = n.id) AS open
   FROM notifications n
   WHERE ${ofPerson} AND ${isShared}
     AND ${mentions("concat_ws(' ', n.data::text, n.actions::text, n.entity_id, n.dedup_key, n.collapse_key, n.request_id)")}`,
);

const changeNotificationsStatement = defineStatement<{ rows: string }>(
  `UPDATE notifications AS n SET data = r.data, actions = r.actions, entity_id = r."entityId", dedup_key = r."dedupKey",
     collapse_key = r."collapseKey", request_id = r."requestId"
   FROM jsonb_to_recordset(:rows::text::jsonb)
     AS r(id uuid, data jsonb, actions jsonb, "entityId" text, "dedupKey" text, "collapseKey" text, "requestId" text)
   WHERE n.id = r.id`,
);

const eventsStatement = defineStatement<{ id: string }>(
  `UPDATE events SET data = jsonb_set(data, '{entityId}', 'null') WHERE recipient_id = :id::uuid AND data ->> 'entityId' IS NOT NULL`,
);

interface Hashing {
  channels: readonly string[];
  addresses: readonly string[];
  hashes: readonly string[];
}

const known = "unnest(:channels::channel[], :addresses::text[], :hashes::text[])";

/** Removes an earlier hash of an address that was suppressed again since. */
const replacedSuppressionsStatement = defineStatement<Hashing>(
  `DELETE FROM suppressions AS s USING ${known} AS k(channel, address, hash)
   WHERE s.channel = k.channel AND s.address = k.hash
     AND EXISTS (SELECT FROM suppressions o WHERE o.channel = k.channel AND o.address = k.address)`,
);

const suppressionsStatement = defineStatement<Hashing>(
  `UPDATE suppressions AS s SET address = k.hash, note = NULL FROM ${known} AS k(channel, address, hash)
   WHERE s.channel = k.channel AND s.address = k.address`,
);

/** Who was subscribed is forgotten. What they consented to stays, without where they did. */
const subscriptionsStatement = defineStatement<{ id: string }>(
  `WITH sources AS (UPDATE consent_entries SET source = NULL WHERE recipient_id = :id::uuid AND source IS NOT NULL)
   DELETE FROM topic_subscriptions WHERE recipient_id = :id::uuid`,
);

/** The items contain the texts of messages. */
const inboxStatement = defineStatement<{ id: string }>(
  "DELETE FROM inbox_items WHERE recipient_id = :id::uuid",
);

const hitsStatement = defineStatement<{ id: string }>(
  "DELETE FROM engagement_events WHERE recipient_id = :id::uuid",
);

/** The result of an erasure. `id` is the recipient's UUID. */
export interface Erasure extends NamingResources {
  id: string;
  /** Whether the person was erased before. */
  again: boolean;
  /** The deliveries that the erasure ended. */
  ended: RowThatLeft[];
}

/**
 * Erases the data of a person everywhere, and ends their waiting deliveries. A row without personal data remains, so that reconciliations
 * still add up, suppressions under a hash of the address, and the data in the table of docs/runbook.md. Resolves with null where the person
 * does not exist.
 * @throws LedgerBusy
 */
export async function erasePerson(
  execute: Execute,
  named: { id: string } | { externalId: string },
  now: Date,
): Promise<Erasure | null> {
  const [person] =
    "id" in named ? await execute(personById, named) : await execute(personByName, named);
  if (!person) return null;
  const { id, version } = person;
  const resource = publicId("recipient", id);
  if (person.erased) {
    const naming = await forgetCorrected(execute, resource, (publicId) =>
      parsePublicId("campaign", publicId),
    );
    await forgetEarlierRules(execute, naming.routingRules);
    return { id, again: true, ended: [], ...naming };
  }

  const search = createSearch(execute, { id, marks: marksOf(person) });
  const naming = {
    ...(await eraseFromFilters(execute, search, now)),
    routingRules: await eraseFromRules(execute, search),
  };
  const [locked] = await execute(lockStatement, { id });
  if (locked?.version !== version)
    throw new LedgerBusy("another transaction is changing the recipient");
  await execute(blankStatement, { id, now });
  const ended = await eraseDeliveries(execute, id);
  await execute(evidenceStatement, { id });
  await eraseEngagements(execute, id);
  await execute(ownNotificationsStatement, { id });
  await eraseFromSharedNotifications(execute, search, id);
  await eraseFromRequests(execute, search, { id, email: person.email }, now);
  await execute(eventsStatement, { id });
  await execute(eraseWebhookAnswers, { id });
  await execute(preferencesStatement, { id });
  await execute(inboxStatement, { id });
  await execute(subscriptionsStatement, { id });
  await execute(hitsStatement, { id });
  await eraseAddresses(execute, id);
  await eraseFromAnswers(execute, search);
  const addresses = [
    ...(person.email === null ? [] : [["email", addressKey(person.email) ?? person.email]]),
    ...(person.phone === null ? [] : [["sms", person.phone]]),
  ] as [string, string][];
  await eraseFromAudit(execute, search, {
    resource,
    addresses: addresses.map(([, address]) => address),
  });
  await hashSuppressions(execute, addresses);
  return { id, again: false, ended, ...naming };
}

/** Notifications that other recipients share are kept, without the texts that name this person. */
async function eraseFromSharedNotifications(
  execute: Execute,
  search: Search,
  id: string,
): Promise<void> {
  const changed: object[] = [];
  const shared = await execute(sharedNotificationsStatement, { id, patterns: search.patterns });
  for (const { open, ...texts } of shared) {
    // A message that is still to be sent keeps the values of attributes, and loses only identifiers.
    const redactor = open ? search.sure : await search.whole(texts);
    const left = redactor.json(texts);
    if (left !== texts) changed.push(left);
  }
  if (changed.length > 0)
    await execute(changeNotificationsStatement, { rows: JSON.stringify(changed) });
}

async function hashSuppressions(
  execute: Execute,
  addresses: readonly (readonly [string, string])[],
): Promise<void> {
  const hashing: Hashing = {
    channels: addresses.map(([channel]) => channel),
    addresses: addresses.map(([, address]) => address),
    hashes: addresses.map(([, address]) => hashedAddress(address)),
  };
  await execute(replacedSuppressionsStatement, hashing);
  await execute(suppressionsStatement, hashing);
}
