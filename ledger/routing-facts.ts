import type { RecipientFacts } from "../domain/filter.ts";
import { defineStatement, type Execute } from "./sql.ts";

/** Recipients by their external ids, and by their UUIDs. */
export interface RoutedNames {
  externalIds: readonly string[];
  recipientIds: readonly string[];
}

/** A recipient with their UUID. */
export type NamedFacts = RecipientFacts & { id: string };

const factsStatement = defineStatement<RoutedNames, NamedFacts>(
  `SELECT id, external_id AS "externalId", email, phone, time_zone AS "timeZone", locale, attributes, created_at AS "createdAt", updated_at AS "updatedAt"
   FROM recipients WHERE erased_at IS NULL AND (external_id = ANY(:externalIds::text[]) OR id = ANY(:recipientIds::uuid[]))`,
  "routing-facts",
);

/** Reads what conditions of routing rules depend on, in the order of the external ids and then of the UUIDs; null for recipients who do not exist. */
export async function readRoutingFacts(
  execute: Execute,
  names: RoutedNames,
): Promise<(NamedFacts | null)[]> {
  const rows = await execute(factsStatement, names);
  const byExternalId = new Map(rows.map((row) => [row.externalId, row]));
  const byId = new Map(rows.map((row) => [row.id, row]));
  return [
    ...names.externalIds.map((externalId) => byExternalId.get(externalId) ?? null),
    ...names.recipientIds.map((id) => byId.get(id) ?? null),
  ];
}
