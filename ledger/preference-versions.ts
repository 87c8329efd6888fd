import { defineStatement, type Execute } from "./sql.ts";

/** The number of versions that are kept of a recipient's preferences, in addition to those that decided an existing delivery. */
const keptPreferenceVersions = 100;

const trimStatement = defineStatement<{ ids: readonly string[] }>(
  `DELETE FROM preference_versions AS v USING recipients AS r
   WHERE r.id = ANY(:ids::uuid[]) AND v.recipient_id = r.id AND v.version <= r.preferences_version - ${keptPreferenceVersions}
     AND NOT EXISTS (SELECT FROM deliveries d WHERE d.recipient_id = v.recipient_id AND d.preferences_version = v.version)`,
);

/**
 * Removes old versions of recipients' preferences, because recipients may change them without limit. A version that decided a delivery
 * is kept as long as the delivery, so that the decision can be explained. To be called after a version has been added.
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
