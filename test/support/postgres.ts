import { randomBytes } from "node:crypto";
import pg from "pg";
import { inject } from "vitest";
import type { TestProject } from "vitest/node";
import { startThrowawayPostgres } from "../../cli/stack/postgres.ts";
import { createPrisma } from "../../prisma/client.ts";
import { applyMigrations } from "../../prisma/migrate.ts";
import { settableClock } from "./ledger-time.ts";
import { waitMs } from "./patience.ts";
import { writableViews } from "./writable-views.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The server for this run; its database `template` is migrated and empty. */
    postgresUrl: string;
  }
}

/** Starts one PostgreSQL for the whole run. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startThrowawayPostgres();
  try {
    await createTemplate(server.url).catch(async (error: unknown) => {
      // Prisma's engine fails now and then on a busy machine, with a text that it cannot decode. The cause is not known.
      if ((error as { code?: unknown }).code !== "ERR_ENCODING_INVALID_ENCODED_DATA") throw error;
      await execute(server.url, "DROP DATABASE template WITH (FORCE)");
      await createTemplate(server.url);
    });
    await execute(databaseOf(server.url, "template"), writableViews + settableClock);
  } catch (error) {
    await server.stop();
    throw error;
  }
  project.provide("postgresUrl", server.url);
  return () => server.stop();
}

async function createTemplate(serverUrl: string): Promise<void> {
  await execute(serverUrl, "CREATE DATABASE template");
  await applyMigrations(databaseOf(serverUrl, "template"));
}

export interface TestDatabase {
  url: string;
  prisma: ReturnType<typeof createPrisma>;
  /** Disconnects `prisma`, and drops the database even if others are connected. */
  drop(): Promise<void>;
}

/** Creates a migrated, empty database in well under a second. */
export async function createTestDatabase(): Promise<TestDatabase> {
  // The files of the template are copied: this is cheaper than writing everything to the log, and nothing else uses the template.
  return cloneDatabase("TEMPLATE template STRATEGY file_copy");
}

/** Creates a database without tables. */
export async function createEmptyDatabase(): Promise<TestDatabase> {
  return cloneDatabase("");
}

async function cloneDatabase(options: string): Promise<TestDatabase> {
  const server = inject("postgresUrl");
  const name = `test_${randomBytes(8).toString("hex")}`;
  await execute(server, `CREATE DATABASE ${name} ${options}`);
  const url = databaseOf(server, name);
  const prisma = createPrisma({ url, connections: 10, connectionWaitMs: waitMs });
  return {
    url,
    prisma,
    async drop() {
      await prisma.$disconnect();
      await execute(server, `DROP DATABASE ${name} WITH (FORCE)`);
    },
  };
}

function databaseOf(url: string, database: string): string {
  const target = new URL(url);
  target.pathname = database;
  return target.href;
}

async function execute(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
