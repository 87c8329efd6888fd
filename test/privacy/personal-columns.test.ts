import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { packageRoot } from "../../config/package-root.ts";
import { createTestDatabase, type TestDatabase } from "../support/postgres.ts";

/** Columns that may hold any text, and never hold anything of a recipient: by whom they are written, or why not. */
const impersonal: Record<string, Record<string, readonly string[]>> = {
  "operators write it about the installation, not about recipients": {
    templates: ["key", "name"],
    template_versions: ["content", "source", "variables"],
    layouts: ["html", "key", "name"],
    layout_versions: ["html", "name"],
    notification_types: ["key", "document"],
    notification_type_versions: ["document"],
    policy_versions: ["document"],
    api_keys: ["name"],
    campaigns: ["email", "route", "tracking", "utm"],
    breakers: ["configuration"],
    gates: ["key"],
    routes: ["document", "origin"],
    // Addresses of pages name recipients by their ids.
    saved_views: ["name", "path"],
    webhook_endpoints: ["description", "kinds", "types", "url"],
    topics: ["confirmation_template", "description", "key", "name", "public_names"],
  },
  "ids, names and addresses of callers and of what they changed, and codes": {
    addresses: ["disabled_reason", "kind", "service"],
    alerts: ["acknowledged_by", "kind", "subject"],
    archived_deliveries: ["leg"],
    api_keys: ["created_by", "prefix", "scopes"],
    attachments: ["created_by", "hash"],
    audit_entries: ["action", "actor", "address", "resource"],
    campaigns: ["created_by"],
    consent_entries: ["actor", "locale", "step", "text_version", "way"],
    topic_subscriptions: ["changed_by"],
    engagement_events: ["kind", "suspicion"],
    events: ["dedup_key", "kind"],
    groups: ["adapted"],
    idempotency_keys: ["request_hash", "scope"],
    // The key is a hash of the id of a report.
    inbound_reports: ["key", "kind", "source"],
    inline_contents: ["hash"],
    notifications: ["created_by"],
    notification_copies: ["kind", "status"],
    notification_type_versions: ["created_by"],
    layout_versions: ["created_by"],
    template_versions: ["created_by"],
    policy_versions: ["created_by"],
    routing_rule_versions: ["created_by"],
    preference_versions: ["created_by"],
    suppressions: ["created_by"],
    open_deliveries: ["leg", "queue", "reason"],
    ended_deliveries: ["failure", "leg", "provider", "queue", "reason"],
    earlier_attempts: ["failure", "provider"],
    analytics_cells: ["provider"],
    engagement_count_changes: ["provider"],
    engagements: ["provider"],
    delivery_counts: ["leg", "provider", "reason"],
    delivery_count_changes: ["leg", "provider", "reason"],
    breakers: ["provider"],
    data_keys: ["wrapped_by"],
    gates: ["shut_by"],
    processes: ["host", "kind", "task_queues", "version"],
    operators: ["issuer", "name", "subject"],
    saved_views: ["owner"],
    webhook_attempts: ["message_id", "outcome"],
    webhook_endpoints: ["created_by", "disabled_reason"],
  },
  "what servers answered, without addresses": {
    alerts: ["detail"],
    breakers: ["reason"],
    campaigns: ["pause_detail"],
    events: ["detail"],
    gates: ["shut_reason"],
    webhook_attempts: ["detail"],
    webhook_endpoints: ["detail"],
  },
  "IANA's names of zones": {
    // Numbers of recipients by their zone, until they are folded.
    engagement_count_changes: ["time_zone"],
    analytics_cells: ["zone"],
    analytics_progress: ["report_zone"],
    time_zone_releases: ["changed_zones", "fingerprints", "source", "version"],
  },
};

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

/** The table under the heading: names of columns, each with its table. */
function columnsOfRunbook(): string[] {
  const runbook = readFileSync(join(packageRoot, "docs/runbook.md"), "utf8");
  const section = runbook
    .split("### Where personal data is stored")[1]!
    .split("An erasure does not reach:")[0]!;
  return [...section.matchAll(/^\| `(\w+)` *\| ([^|]*)\|/gm)].flatMap(([, table, columns]) =>
    [...columns!.matchAll(/`(\w+)`/g)].map(([, column]) => `${table}.${column}`),
  );
}

const listed = Object.values(impersonal).flatMap((tables) =>
  Object.entries(tables).flatMap(([table, columns]) =>
    columns.map((column) => `${table}.${column}`),
  ),
);

describe("a column that can hold text", () => {
  it("is said to hold personal data, and what an erasure does with it, or never to hold any", async () => {
    const rows = await database.prisma.$queryRaw<{ name: string }[]>`
      SELECT c.table_name || '.' || c.column_name AS name
      FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
      WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE' AND t.table_name <> '_prisma_migrations'
        AND c.udt_name IN ('text', '_text', 'varchar', '_varchar', 'bpchar', 'json', 'jsonb', '_jsonb', 'xml', 'citext')`;
    expect([...columnsOfRunbook(), ...listed].sort()).toEqual(rows.map(({ name }) => name).sort());
  });
});
