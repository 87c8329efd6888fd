import type { Pool } from "pg";
import { longestWindowMs } from "../../domain/policy/limits.ts";
import { type NotificationType, typeDefinition } from "../../domain/policy/notification-type.ts";
import type { Reason } from "../../domain/delivery/reasons.ts";
import { type EarlierStage, includesLevel, levelBelow } from "../../domain/policy/route.ts";
import { buildPolicy, defaultPolicy } from "../../domain/policy/policy.ts";
import type { Preferences } from "../../domain/policy/preferences.ts";
import { type RecipientState, typeOf } from "../../ledger/recipient-snapshot.ts";
import type { Rulebook } from "../../ledger/rulebook.ts";
import type { DeliveryStage } from "../../ledger/stages.ts";
import type { ExplainedRow } from "./explained-row.ts";
import type { RecordedDecision } from "./remake.ts";

/** The rules and preferences that a decision was made with. */
interface RecordedRules extends Pick<Rulebook, "policy" | "policyVersion"> {
  type: NotificationType | null;
  statedPreferences: Preferences | null;
  preferencesVersion: number;
}

/** Selects the grants before an instant, as far as the log still has them. */
export function selectGrants({ grants: { granted, types } }: RecipientState, at: Date) {
  const count = granted.filter((granted) => granted < at.getTime()).length;
  return { granted: granted.slice(0, count), types: types.slice(0, count) };
}

/**
 * The earlier stages as a recorded decision saw them, with a note where one has reached the recipient since. Instants alone do not say which came
 * first: both may be in one millisecond, and an event that begins before a claim may be written after it. The record does, because only a
 * delivery that an earlier stage had not reached is not left out.
 */
export function stageAsDecided(
  stage: DeliveryStage | null,
  { reason }: Pick<RecordedDecision, "reason">,
  notes: string[],
): DeliveryStage | null {
  const unless = stage?.stage.after?.unless;
  if (!stage || unless === undefined || reason === leftOut) return stage;
  const came = ({ reached }: EarlierStage) => includesLevel(reached, unless);
  if (!stage.earlier.some(came)) return stage;
  notes.push("An earlier stage has reached the recipient, but only after this decision.");
  return {
    ...stage,
    earlier: stage.earlier.map((one) =>
      came(one) ? { ...one, reached: levelBelow(unless) } : one,
    ),
  };
}

const leftOut: Reason = "already_reached";

/** Undoes an erasure that came after the decision. All that is still known of the address is whether there was one. */
export const restoreErased = (
  { erasedAt, email }: RecipientState,
  { reason }: ExplainedRow,
  at: Date,
) =>
  erasedAt !== null && erasedAt > at
    ? { erased: false, email: email ?? (reason === "no_address" ? null : "erased") }
    : {};

/** Adds a note for each fact of the decision that is lost, or may have changed since. */
export function noteLostFacts(
  notes: string[],
  person: RecipientState,
  row: ExplainedRow,
  at: Date,
): void {
  const { granted } = person.grants;
  const keptFrom = (granted.at(-1) ?? 0) - longestWindowMs;
  // A recipient has no grants from before their creation.
  if (Math.max(at.getTime() - longestWindowMs, person.createdAt.getTime()) < keptFrom)
    notes.push(
      `Grants to the recipient before ${new Date(keptFrom).toISOString()} may have been removed from the log. Limits may have been closer than shown.`,
    );
  if (person.erasedAt !== null && person.erasedAt > at)
    notes.push(
      "The recipient has been erased since the decision, with their preferences and their address.",
    );
  else if (person.updatedAt > at)
    notes.push(
      "The recipient has been changed since the decision. The explanation uses their current address and time zone.",
    );
  if (row.reason === "address_suppressed" && person.suppression === null)
    notes.push("The address is no longer on the suppression list.");
}

/** Reads the versions of the policy, the type and the preferences that the last decision of a row was made with. */
export async function readRecordedRules(
  pool: Pick<Pool, "query">,
  row: ExplainedRow,
  current: Rulebook,
  notes: string[],
): Promise<RecordedRules> {
  const { policyVersion, typeVersion, preferencesVersion } = row;
  const readDocument = async (sql: string, values: unknown[]) =>
    (await pool.query<{ document: unknown }>(sql, values)).rows[0]?.document;
  const changes =
    policyVersion === 0
      ? undefined
      : await readDocument("SELECT document FROM policy_versions WHERE version = $1", [
          policyVersion,
        ]);
  const definition =
    typeVersion === null
      ? undefined
      : await readDocument(
          "SELECT document FROM notification_type_versions WHERE type_id = $1 AND version = $2",
          [row.typeId, typeVersion],
        );
  const statedPreferences =
    preferencesVersion === 0
      ? null
      : await readDocument(
          "SELECT document FROM preference_versions WHERE recipient_id = $1 AND version = $2",
          [row.recipientId, preferencesVersion],
        );
  if (statedPreferences === undefined)
    notes.push("The recipient’s preferences at the time of the decision are no longer stored.");
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
