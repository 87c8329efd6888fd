import type { Pool } from "pg";
import { longestWindowMs } from "../../domain/policy/limits.ts";
import { type NotificationType, typeDefinition } from "../../domain/policy/notification-type.ts";
import { buildPolicy, defaultPolicy } from "../../domain/policy/policy.ts";
import type { Preferences } from "../../domain/policy/preferences.ts";
import { type RecipientState, typeOf } from "../../ledger/recipient-snapshot.ts";
import type { Rulebook } from "../../ledger/rulebook.ts";
import type { ExplainedRow } from "./explained-row.ts";

/** By what was decided. */
interface Book extends Pick<Rulebook, "policy" | "policyVersion"> {
  type: NotificationType | null;
  statedPreferences: Preferences | null;
  preferencesVersion: number;
}

/** What was granted before an instant, as far as the log still has it. */
export function grantsBefore({ grants: { granted, types } }: RecipientState, at: Date) {
  const count = granted.filter((granted) => granted < at.getTime()).length;
  return { granted: granted.slice(0, count), types: types.slice(0, count) };
}

/** Who was erased later was not then; of their address is known only whether there was none. */
export const asThen = (
  { erasedAt, email }: RecipientState,
  { reason }: ExplainedRow,
  at: Date,
  recorded: boolean,
) =>
  recorded && erasedAt !== null && erasedAt > at
    ? { erased: false, email: email ?? (reason === "no_address" ? null : "erased") }
    : {};

export function noteWhatIsGone(
  notes: string[],
  person: RecipientState,
  row: ExplainedRow,
  at: Date,
): void {
  const { granted } = person.grants;
  const keptFrom = (granted.at(-1) ?? 0) - longestWindowMs;
  // Nothing was granted to them before there were any.
  if (Math.max(at.getTime() - longestWindowMs, person.createdAt.getTime()) < keptFrom)
    notes.push(
      `What was granted to the recipient before ${new Date(keptFrom).toISOString()} may not be kept any more: limits may have been closer than they look.`,
    );
  if (person.erasedAt !== null && person.erasedAt > at)
    notes.push("The recipient has been erased since: their wishes and their address are gone.");
  else if (person.updatedAt > at)
    notes.push(
      "The recipient has been changed since: their address and time zone are taken as they are now.",
    );
  if (row.reason === "address_suppressed" && person.suppression === null)
    notes.push("The address is not on the suppression list any more.");
}

/** The versions that the row names, as they were. */
export async function readBook(
  pool: Pick<Pool, "query">,
  row: ExplainedRow,
  current: Rulebook,
  notes: string[],
): Promise<Book> {
  const { policyVersion, typeVersion, preferencesVersion } = row;
  const document = async (sql: string, values: unknown[]) =>
    (await pool.query<{ document: unknown }>(sql, values)).rows[0]?.document;
  const changes =
    policyVersion === 0
      ? undefined
      : await document("SELECT document FROM policy_versions WHERE version = $1", [policyVersion]);
  const definition =
    typeVersion === null
      ? undefined
      : await document(
          "SELECT document FROM notification_type_versions WHERE type_id = $1 AND version = $2",
          [row.typeId, typeVersion],
        );
  const statedPreferences =
    preferencesVersion === 0
      ? null
      : await document(
          "SELECT document FROM preference_versions WHERE recipient_id = $1 AND version = $2",
          [row.recipientId, preferencesVersion],
        );
  if (statedPreferences === undefined)
    notes.push("What the recipient had wished is not kept any more.");
  const type = typeOf(row.typeId, current.types);
  return {
    policy: changes === undefined ? defaultPolicy : buildPolicy(changes),
    policyVersion: policyVersion ?? 0,
    type:
      type === null || definition === undefined
        ? null
        : { ...type, ...typeDefinition.parse(definition), version: typeVersion! },
    statedPreferences: (statedPreferences as Preferences | null | undefined) ?? null,
    preferencesVersion: preferencesVersion ?? 0,
  };
}
