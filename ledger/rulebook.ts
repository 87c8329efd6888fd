import { isDeepStrictEqual } from "node:util";
import type { Pool } from "pg";
import { type NotificationType, typeDefinition } from "../domain/policy/notification-type.ts";
import { type Policy, buildPolicy, defaultPolicy } from "../domain/policy/policy.ts";
import { type RoutingRule, routingRuleDefinition } from "../domain/policy/routing-rule.ts";

/** The organisation's policy, notification types and routing rules at one instant. */
export interface Rulebook {
  policy: Policy;
  policyVersion: number;
  /** The notification types by UUID. */
  types: ReadonlyMap<string, NotificationType>;
  /** The active routing rules in their order. */
  routingRules: readonly RoutingRule[];
  /** The UUIDs of the active versions of the templates that these rules name, by key. Archived templates are left out. */
  ruleTemplates: ReadonlyMap<string, string>;
}

/** Reads the current rulebook from the database. Parts that have not changed are not parsed again. */
export type ReadRulebook = () => Promise<Rulebook>;

interface Row {
  policyVersion: number | null;
  changes: unknown;
  types: string;
  rules: string;
  templates: Record<string, string>;
}

/** Reads the current versions as one small row. They show whether the parsed rulebook is still current. */
const rulebookSql = `
  SELECT p.version AS "policyVersion", p.document AS changes,
    (SELECT coalesce(string_agg(id || ':' || version, ',' ORDER BY id), '') FROM notification_types) AS types,
    (SELECT coalesce(string_agg(id || ':' || version, ',' ORDER BY id), '') FROM routing_rules WHERE active) AS rules,
    (SELECT coalesce(jsonb_object_agg(t.key, v.id), '{}') FROM routing_rules r, jsonb_each_text(r.document -> 'templates') AS n(channel, key)
     JOIN templates t ON t.key = n.key JOIN template_versions v ON v.template_id = t.id AND v.version = t.active_version
     WHERE r.active AND t.archived_at IS NULL) AS templates
  FROM (SELECT) one LEFT JOIN LATERAL (SELECT version, document FROM policy_versions ORDER BY version DESC LIMIT 1) p ON true`;

const rulesSql =
  "SELECT key, version, document FROM routing_rules WHERE active ORDER BY position, id";

const typesSql = "SELECT id, key, number, version, document FROM notification_types";

export function createRulebookReader(pool: Pick<Pool, "query">): ReadRulebook {
  let known: Rulebook | null = null;
  let knownVersions: Pick<Row, "types" | "rules" | "templates"> | null = null;

  return async () => {
    const { rows } = await pool.query<Row>({ name: "rulebook", text: rulebookSql });
    const { policyVersion, changes, ...versions } = rows[0]!;
    const version = policyVersion ?? 0;
    if (known?.policyVersion === version && isDeepStrictEqual(knownVersions, versions))
      return known;
    known = {
      policyVersion: version,
      policy: changes === null ? defaultPolicy : buildPolicy(changes),
      types: await readTypes(pool),
      routingRules: versions.rules === "" ? [] : await readRules(pool),
      ruleTemplates: new Map(Object.entries(versions.templates)),
    };
    knownVersions = versions;
    return known;
  };
}

async function readRules(pool: Pick<Pool, "query">): Promise<RoutingRule[]> {
  const { rows } = await pool.query<Pick<RoutingRule, "key" | "version"> & { document: unknown }>({
    name: "routing-rules",
    text: rulesSql,
  });
  return rows.map(({ document, ...named }) => ({
    ...routingRuleDefinition.parse(document),
    ...named,
  }));
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
