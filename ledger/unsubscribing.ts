import type { EventKind } from "../domain/event.ts";
import type { Preferences } from "../domain/policy/preferences.ts";
import { suppressionKey } from "../domain/suppression.ts";
import { defineStatement, type Execute } from "./sql.ts";

/** The facts about a recipient that unsubscribing depends on. */
export interface Subscriber {
  id: string;
  locale: string;
  /** Null without an address, and after erasure. */
  email: string | null;
  isErased: boolean;
  /** Null if none were ever set. */
  preferences: Preferences | null;
  preferencesVersion: number;
  /** Whether all email that can be switched off is suppressed, because the recipient unsubscribed from it. */
  isSuppressed: boolean;
}

const columns = `r.id, r.locale, r.email, r.erased_at IS NOT NULL AS "isErased", r.preferences, r.preferences_version AS "preferencesVersion"`;

const readStatement = defineStatement<{ id: string }, Omit<Subscriber, "isSuppressed">>(
  `SELECT ${columns} FROM recipients r WHERE r.id = :id::uuid`,
  "subscriber",
);
const lockStatement = defineStatement<{ id: string }, Omit<Subscriber, "isSuppressed">>(
  `SELECT ${columns} FROM recipients r WHERE r.id = :id::uuid FOR NO KEY UPDATE`,
);
const suppressedStatement = defineStatement<{ address: string }, object>(
  "SELECT FROM suppressions WHERE channel = 'email' AND address = :address::text AND reason = 'unsubscribed'",
);

/** Reads a recipient, and locks the row if it is to be changed; null if there is none. */
export async function readSubscriber(
  execute: Execute,
  id: string,
  { lock }: { lock: boolean },
): Promise<Subscriber | null> {
  const [row] = await execute(lock ? lockStatement : readStatement, { id });
  if (!row) return null;
  const address = addressOf(row);
  const isSuppressed =
    address !== null && (await execute(suppressedStatement, { address })).length > 0;
  return { ...row, isSuppressed };
}

/** The form of the recipient's address under which it is suppressed; null without one. */
const addressOf = ({ email }: Pick<Subscriber, "email">): string | null =>
  email === null ? null : suppressionKey("email", email);

const preferencesStatement = defineStatement<{ id: string; version: number; document: string }>(`
  WITH changed AS (
    UPDATE recipients SET preferences = :document::text::jsonb, preferences_version = :version::int WHERE id = :id::uuid RETURNING id
  )
  INSERT INTO preference_versions (recipient_id, version, document, created_by, created_at)
  SELECT id, :version::int, :document::text::jsonb, 'recipient', ledger_now() FROM changed`);

/** Writes the next version of the preferences of a locked recipient. */
export async function writePreferences(
  execute: Execute,
  { id, preferencesVersion }: Subscriber,
  preferences: Preferences,
): Promise<number> {
  const version = preferencesVersion + 1;
  await execute(preferencesStatement, { id, version, document: JSON.stringify(preferences) });
  return version;
}

/** An address that is suppressed for another reason stays as it is. */
const suppressStatement = defineStatement<{ address: string }>(`
  INSERT INTO suppressions (id, channel, address, reason, created_by, created_at)
  VALUES (uuid_v7(ledger_now()), 'email', :address::text, 'unsubscribed', 'recipient', ledger_now()) ON CONFLICT (channel, address) DO NOTHING`);
const allowStatement = defineStatement<{ address: string }>(
  "DELETE FROM suppressions WHERE channel = 'email' AND address = :address::text AND reason = 'unsubscribed'",
);

/** Suppresses the address of a locked recipient for all email that can be switched off, or no longer. */
export async function suppressEmail(
  execute: Execute,
  subscriber: Subscriber,
  isSuppressed: boolean,
): Promise<void> {
  const address = addressOf(subscriber);
  if (address !== null)
    await execute(isSuppressed ? suppressStatement : allowStatement, { address });
}

const eventStatement = defineStatement<{
  kind: EventKind;
  deliveryId: string | null;
  recipientId: string;
  type: string | null;
}>(`
  INSERT INTO events (id, kind, delivery_id, recipient_id, data, due_at, created_at)
  VALUES (uuid_v7(ledger_now()), :kind::text, :deliveryId::uuid, :recipientId::uuid, jsonb_strip_nulls(jsonb_build_object('type', :type::text)), ledger_now(), ledger_now())`);

/** Records that a recipient has unsubscribed or subscribed again, and by which delivery, if it was a single one. */
export const recordSubscription = (
  execute: Execute,
  event: {
    kind: "recipient.unsubscribed" | "recipient.resubscribed";
    deliveryId: string | null;
    recipientId: string;
    /** The key of the type; null for all email. */
    type: string | null;
  },
): Promise<unknown> => execute(eventStatement, event);
