import type { Pool } from "pg";
import { type NotificationType, typeDefinition } from "../domain/policy/notification-type.ts";
import { type Policy, buildPolicy, defaultPolicy } from "../domain/policy/policy.ts";

/** The organisation's policy and notification types at one instant. */
export interface Rulebook {
  policy: Policy;
  policyVersion: number;
  /** The notification types by UUID. */
  types: ReadonlyMap<string, NotificationType>;
}

/** Reads the current rulebook from the database. Parts that have not changed are not parsed again. */
export type ReadRulebook = () => Promise<Rulebook>;

interface Row {
  policyVersion: number | null;
  changes: unknown;
  types: string;
}

/** Reads the current versions as one small row. They show whether the parsed rulebook is still current. */
const rulebookSql = `
  SELECT p.version AS "policyVersion", p.document AS changes,
    (SELECT coalesce(string_agg(id || ':' || version, ',' ORDER BY id), '') FROM notification_types) AS types
  FROM (SELECT) one LEFT JOIN LATERAL (SELECT version, document FROM policy_versions ORDER BY version DESC LIMIT 1) p ON true`;

const typesSql = "SELECT id, key, number, version, document FROM notification_types";

export function createRulebookReader(pool: Pick<Pool, "query">): ReadRulebook {
  let known: Rulebook | null = null;
  let knownTypes = "";

  return async () => {
    const { rows } = await pool.query<Row>({ name: "rulebook", text: rulebookSql });
    const { policyVersion, changes, types } = rows[0]!;
    const version = policyVersion ?? 0;
    if (known?.policyVersion === version && knownTypes === types) return known;
    known = {
      policyVersion: version,
      policy: changes === null ? defaultPolicy : buildPolicy(changes),
      types: await readTypes(pool),
    };
    knownTypes = types;
    return known;
  };
}

async function readTypes(pool: Pick<Pool, "query">): Promise<Map<string, NotificationType>> {
  const { rows } = await pool.query<
    Pick<NotificationType, "id" | "key" | "number" | "version"> & { document: unknown }
  >({ name: "notification-types", text: typesSql });
  return new Map(
    rows.map(({ document, ...named }) => [
      named.id,
      { ...typeDefinition.parse(document), ...named },
    ]),
  );
}
