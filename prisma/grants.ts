import pg from "pg";

/**
 * Lets a role do what API and workers do, and nothing more: read and write rows, but not alter, empty or drop a table, nor say which
 * migrations were applied. Of the audit trail it may add entries, remove those that are past their retention, and empty what erasure
 * empties; who did what and when stays as it was written. Repeated after each migration, for tables that are new have no grants.
 * @param url of the role that owns the tables
 */
export async function grantToApplication(url: string, role: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  await client.connect();
  try {
    const app = client.escapeIdentifier(role);
    await client.query(`
      BEGIN;
      GRANT USAGE ON SCHEMA public TO ${app};
      GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${app};
      GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO ${app};
      REVOKE INSERT, UPDATE, DELETE ON _prisma_migrations FROM ${app};
      REVOKE UPDATE ON audit_entries FROM ${app};
      GRANT UPDATE (before, after, request_id) ON audit_entries TO ${app};
      COMMIT`);
  } finally {
    await client.end();
  }
}
