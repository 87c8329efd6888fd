import pg from "pg";

/**
 * Grants a role only the rights that the API and workers need: it may read and write rows, but not alter, truncate or drop tables, nor change
 * the list of applied migrations. In the audit trail it may add entries, delete those past their retention, and clear the columns that an
 * erasure clears; it cannot change who did what and when. It cannot delete data keys, without which sealed values are lost. This must be repeated after each migration, because new tables have no grants.
 * @param url the URL of the database, with the role that owns the tables
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
      REVOKE DELETE ON data_keys, sealing_canary FROM ${app};
      COMMIT`);
  } finally {
    await client.end();
  }
}
