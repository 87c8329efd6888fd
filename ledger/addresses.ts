import type { Channel } from "../domain/channel.ts";
import { LedgerBusy } from "./contention.ts";
import { defineStatement, type Execute } from "./sql.ts";

/*
 * The addresses of recipients on channels where they may have several, such as the devices that receive push notifications.
 * `recipients.address_channels` names the channels on which a recipient has an address in use. Every statement here that changes addresses
 * changes it too. It runs while the recipients are locked, so that two changes of one recipient cannot miss each other, and so each function that
 * changes something needs a transaction.
 */

/** An address without its value, which is sealed. */
export interface AddressRow {
  id: string;
  recipientId: string;
  channel: Channel;
  kind: string;
  service: string;
  /** The last characters of the address. */
  ending: string | null;
  label: string | null;
  createdAt: Date;
  lastUsedAt: Date;
  expiresAt: Date | null;
  disabledAt: Date | null;
  disabledReason: string | null;
}

/** Addresses of one recipient on one channel. A further one replaces the one that was unused for the longest time. */
export const maxAddresses = 20;

const columns = `a.id, a.recipient_id AS "recipientId", a.channel, a.kind, a.service, a.ending, a.label, a.created_at AS "createdAt",
  a.last_used_at AS "lastUsedAt", a.expires_at AS "expiresAt", a.disabled_at AS "disabledAt", a.disabled_reason AS "disabledReason"`;

/** The SQL condition that a recipient has another address in use on the channel of the address, which is `of`. */
const hasOther = (recipientId: string, of: string) =>
  `EXISTS (SELECT FROM addresses o WHERE o.recipient_id = ${recipientId} AND o.channel = ${of}.channel AND o.disabled_at IS NULL AND o.id <> ${of}.id)`;

const idStatement = defineStatement<{ hash: Uint8Array }, { id: string }>(
  "SELECT id FROM addresses WHERE hash = :hash::bytea",
);

/** Finds the id of an address by its hash, of any recipient; null if it is not stored. */
export async function findAddressId(execute: Execute, hash: Uint8Array): Promise<string | null> {
  const [row] = await execute(idStatement, { hash });
  return row?.id ?? null;
}

/** An address to register. */
export interface NewAddress {
  /** A new id, or the one that `findAddressId` returned. `value` is sealed for this id. */
  id: string;
  recipientId: string;
  channel: Channel;
  kind: string;
  value: Uint8Array;
  hash: Uint8Array;
  service: string;
  ending: string;
  /** Null keeps the label that the recipient's address has. */
  label: string | null;
  expiresAt: Date | null;
}

/**
 * - `kept`: the recipient had the address, and it was in use.
 * - `restored`: the recipient had the address, and it was disabled.
 * - `moved`: another recipient had the address.
 */
export type Registration =
  | {
      kind: "created" | "kept" | "restored" | "moved";
      address: AddressRow;
      /** The ids of addresses that were deleted because the recipient had too many. */
      dropped: string[];
    }
  /** The recipient does not exist, or was erased. */
  | { kind: "no_recipient" }
  /** The address has another id by now. Nothing was changed: seal the value for that id and try again. */
  | { kind: "other_id" };

const useStatement = defineStatement<NewAddress, AddressRow>(
  `UPDATE addresses AS a SET value = :value::bytea, service = :service::text, ending = :ending::text, label = coalesce(:label::text, a.label),
     expires_at = :expiresAt::timestamptz, updated_at = ledger_now(), last_used_at = ledger_now()
   WHERE a.hash = :hash::bytea AND a.id = :id::uuid AND a.recipient_id = :recipientId::uuid AND a.disabled_at IS NULL
   RETURNING ${columns}`,
);

const lockOwnersStatement = defineStatement<
  { recipientId: string; hash: Uint8Array },
  { id: string; erased: boolean }
>(
  `SELECT id, erased_at IS NOT NULL AS erased FROM recipients
   WHERE id = :recipientId::uuid OR id = (SELECT recipient_id FROM addresses WHERE hash = :hash::bytea)
   ORDER BY id FOR NO KEY UPDATE`,
);

const previousStatement = defineStatement<
  { hash: Uint8Array },
  { id: string; recipientId: string; disabled: boolean }
>(
  `SELECT id, recipient_id AS "recipientId", disabled_at IS NOT NULL AS disabled FROM addresses WHERE hash = :hash::bytea`,
);

const writeStatement = defineStatement<
  NewAddress & { previous: string | null; others: number },
  AddressRow & { dropped: string[] }
>(`
  WITH written AS (
    INSERT INTO addresses AS a (id, recipient_id, channel, kind, value, hash, service, ending, label, created_at, updated_at, last_used_at, expires_at)
    VALUES (:id::uuid, :recipientId::uuid, :channel::channel, :kind::text, :value::bytea, :hash::bytea, :service::text, :ending::text, :label::text,
      ledger_now(), ledger_now(), ledger_now(), :expiresAt::timestamptz)
    ON CONFLICT (hash) DO UPDATE SET recipient_id = excluded.recipient_id, channel = excluded.channel, kind = excluded.kind, value = excluded.value,
      service = excluded.service, ending = excluded.ending,
      label = CASE WHEN a.recipient_id = excluded.recipient_id THEN coalesce(excluded.label, a.label) ELSE excluded.label END,
      created_at = CASE WHEN a.recipient_id = excluded.recipient_id THEN a.created_at ELSE excluded.created_at END,
      updated_at = excluded.updated_at, last_used_at = excluded.last_used_at, expires_at = excluded.expires_at, disabled_at = NULL, disabled_reason = NULL
    WHERE a.id = excluded.id
    RETURNING a.*
  ),
  dropped AS (
    DELETE FROM addresses WHERE id IN (
      SELECT o.id FROM written w JOIN addresses o ON o.recipient_id = w.recipient_id AND o.channel = w.channel AND o.id <> w.id
      ORDER BY o.disabled_at IS NULL DESC, o.last_used_at DESC, o.id DESC OFFSET :others::int
    ) RETURNING id
  ),
  gained AS (
    UPDATE recipients r SET address_channels = array_append(r.address_channels, w.channel)
    FROM written w WHERE r.id = w.recipient_id AND w.channel <> ALL (r.address_channels)
  ),
  lost AS (
    UPDATE recipients r SET address_channels = array_remove(r.address_channels, w.channel)
    FROM written w WHERE r.id = :previous::uuid AND r.id <> w.recipient_id AND NOT ${hasOther("r.id", "w")}
  )
  SELECT ${columns}, ARRAY(SELECT id FROM dropped) AS dropped FROM written a`);

/**
 * Registers an address of a recipient, or registers it again: it is in use from now on. An address is one row for all recipients: one that
 * another recipient had moves to this one. Idempotent.
 * @throws LedgerBusy
 */
export async function registerAddress(execute: Execute, given: NewAddress): Promise<Registration> {
  const [used] = await execute(useStatement, given);
  if (used) return { kind: "kept", address: used, dropped: [] };

  const owners = await execute(lockOwnersStatement, given);
  const owner = owners.find(({ id }) => id === given.recipientId);
  if (!owner || owner.erased) return { kind: "no_recipient" };
  const [previous] = await execute(previousStatement, given);
  if (previous && previous.id !== given.id) return { kind: "other_id" };
  if (previous && !owners.some(({ id }) => id === previous.recipientId))
    throw new LedgerBusy("another transaction is moving the address");

  const [written] = await execute(writeStatement, {
    ...given,
    previous: previous?.recipientId ?? null,
    others: maxAddresses - 1,
  });
  if (!written) return { kind: "other_id" };
  const { dropped, ...address } = written;
  const isOwn = previous?.recipientId === given.recipientId;
  const kind = !previous ? "created" : isOwn ? (previous.disabled ? "restored" : "kept") : "moved";
  return { kind, address, dropped };
}

const listStatement = defineStatement<{ recipientId: string }, AddressRow>(
  `SELECT ${columns} FROM addresses a WHERE a.recipient_id = :recipientId::uuid ORDER BY a.channel, a.id DESC`,
);

/** The addresses of a recipient, also disabled ones, the newest first on each channel. */
export const listAddresses = (execute: Execute, recipientId: string): Promise<AddressRow[]> =>
  execute(listStatement, { recipientId });

const lockStatement = defineStatement<{ recipientId: string }>(
  "SELECT FROM recipients WHERE id = :recipientId::uuid FOR NO KEY UPDATE",
);

interface Removing {
  recipientId: string;
  id: string | null;
  hash: Uint8Array | null;
}

const removeStatement = defineStatement<Removing, AddressRow>(`
  WITH a AS (
    DELETE FROM addresses WHERE recipient_id = :recipientId::uuid AND (id = :id::uuid OR hash = :hash::bytea) RETURNING *
  ),
  lost AS (
    UPDATE recipients r SET address_channels = array_remove(r.address_channels, a.channel)
    FROM a WHERE r.id = a.recipient_id AND NOT ${hasOther("r.id", "a")}
  )
  SELECT ${columns} FROM a`);

/** Removes an address of a recipient, by its id or its hash. Resolves with the address; null if the recipient has no such address. */
export async function removeAddress(
  execute: Execute,
  { recipientId, ...named }: { recipientId: string } & ({ id: string } | { hash: Uint8Array }),
): Promise<AddressRow | null> {
  await execute(lockStatement, { recipientId });
  const [removed] = await execute(removeStatement, { recipientId, id: null, hash: null, ...named });
  return removed ?? null;
}

const eraseStatement = defineStatement<{ recipientId: string }>(
  "DELETE FROM addresses WHERE recipient_id = :recipientId::uuid",
);

/** Deletes all addresses of a recipient who is being erased. The caller empties `recipients.address_channels`. */
export async function eraseAddresses(execute: Execute, recipientId: string): Promise<void> {
  await execute(eraseStatement, { recipientId });
}
