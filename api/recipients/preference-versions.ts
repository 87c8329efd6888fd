import { defineStatement, type Execute } from "../../ledger/sql.ts";

/** Versions that are kept of what a recipient wished, beside those by which a delivery that is kept was decided. */
const keptPreferenceVersions = 100;

const trimStatement = defineStatement<{ ids: readonly string[] }>(
  `DELETE FROM preference_versions AS v USING recipients AS r
   WHERE r.id = ANY(:ids::uuid[]) AND v.recipient_id = r.id AND v.version <= r.preferences_version - ${keptPreferenceVersions}
     AND NOT EXISTS (SELECT FROM deliveries d WHERE d.recipient_id = v.recipient_id AND d.preferences_version = v.version)`,
);

/**
 * Removes old versions of what recipients wished, who can say something else as often as they like. What a delivery was decided by stays for
 * as long as the delivery, so that it can be explained. To be called when a version has been added.
 */
export async function trimPreferenceVersions(
  execute: Execute,
  changed: readonly { id: string; preferencesVersion: number }[],
): Promise<void> {
  const ids = changed.flatMap(({ id, preferencesVersion }) =>
    preferencesVersion > keptPreferenceVersions ? [id] : [],
  );
  if (ids.length > 0) await execute(trimStatement, { ids });
}
