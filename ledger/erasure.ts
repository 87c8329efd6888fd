import { addressKey } from "../domain/address.ts";
import { parsePublicId, publicId } from "../domain/ids.ts";
import { marksOf } from "../domain/personal-marks.ts";
import { hashedAddress } from "../domain/suppression.ts";
import { LedgerBusy } from "./contention.ts";
import {
  createSearch,
  eraseFromAnswers,
  eraseFromAudit,
  eraseFromFilters,
  forgetMended,
  mentions,
  type NamingResources,
  type Search,
} from "./erase-mentions.ts";
import { defineStatement, type Execute } from "./sql.ts";
import { eraseDeliveries, type RowThatLeft } from "./transitions.ts";

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

/** FOR UPDATE waits for those who are adding deliveries for this recipient, so that theirs are cancelled as well. */
const lockStatement = defineStatement<{ id: string }, { version: number; erased: boolean }>(
  "SELECT version, erased_at IS NOT NULL AS erased FROM recipients WHERE id = :id::uuid FOR UPDATE",
);

const blankStatement = defineStatement<{ id: string; now: Date }>(
  `UPDATE recipients SET external_id = NULL, email = NULL, phone = NULL, time_zone = 'UTC', locale = 'en', attributes = '{}', preferences = NULL,
     engaged_hours = '{}', erased_at = :now::timestamptz, updated_at = :now::timestamptz, version = version + 1
   WHERE id = :id::uuid`,
);

const preferencesStatement = defineStatement<{ id: string }>(
  "DELETE FROM preference_versions WHERE recipient_id = :id::uuid",
);

/** What providers answered may repeat an address, and faults of templates what they were filled with. */
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
  /** It is still owed to others. */
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

/** The address was hashed before, and has been added again since. */
const replacedSuppressionsStatement = defineStatement<Hashing>(
  `DELETE FROM suppressions AS s USING ${known} AS k(channel, address, hash)
   WHERE s.channel = k.channel AND s.address = k.hash
     AND EXISTS (SELECT FROM suppressions o WHERE o.channel = k.channel AND o.address = k.address)`,
);

const suppressionsStatement = defineStatement<Hashing>(
  `UPDATE suppressions AS s SET address = k.hash, note = NULL FROM ${known} AS k(channel, address, hash)
   WHERE s.channel = k.channel AND s.address = k.address`,
);

/** What came of an erasure. `id` is the recipient's UUID. */
export interface Erasure extends NamingResources {
  id: string;
  /** They were erased before. */
  again: boolean;
  /** Deliveries that are owed no more. */
  ended: RowThatLeft[];
}

/**
 * Erases what is known of a person, wherever it is, and ends what waits for them. What outlives it is a row without anything personal, so
 * that what was sent goes on adding up; the wish not to be written to, under a hash of the address; and what the test of
 * docs/runbook.md's table says. Resolves with null where there is no such person.
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
  if (person.erased)
    return {
      id,
      again: true,
      ended: [],
      ...(await forgetMended(execute, resource, (one) => parsePublicId("campaign", one))),
    };

  const search = createSearch(execute, { id, marks: marksOf(person) });
  const naming = await eraseFromFilters(execute, search, now);
  const [locked] = await execute(lockStatement, { id });
  if (locked?.version !== version) throw new LedgerBusy("the recipient is being changed by others");
  await execute(blankStatement, { id, now });
  const ended = await eraseDeliveries(execute, id);
  await execute(evidenceStatement, { id });
  await execute(ownNotificationsStatement, { id });
  await eraseFromSharedNotifications(execute, search, id);
  await execute(eventsStatement, { id });
  await execute(preferencesStatement, { id });
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

/** What was sent to others too is kept for them, without what names this person. */
async function eraseFromSharedNotifications(
  execute: Execute,
  search: Search,
  id: string,
): Promise<void> {
  const changed: object[] = [];
  const shared = await execute(sharedNotificationsStatement, { id, patterns: search.patterns });
  for (const { open, ...said } of shared) {
    // Of what is still to be sent only what surely names them is taken out.
    const redactor = open ? search.sure : await search.whole(said);
    const left = redactor.json(said);
    if (left !== said) changed.push(left);
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
