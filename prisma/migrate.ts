import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { HistoryDiagnostic, MigrationList, SchemaEngine } from "@prisma/schema-engine-wasm";
import pg from "pg";
import { packageRoot } from "../config/package-root.ts";
import { withSchemaEngine } from "./schema-engine.ts";

/** The paths of the schema and the migrations, in Prisma's layout. */
export interface MigrationSource {
  schemaPath: string;
  migrationsFolder: string;
}

const ours: MigrationSource = {
  schemaPath: join(packageRoot, "prisma/schema.prisma"),
  migrationsFolder: join(packageRoot, "prisma/migrations"),
};

/** The migrations of a database or of the files have a fault; the message describes it and its remedy. */
export class MigrationError extends Error {
  override name = "MigrationError";
}

/** A fault in a database's migrations: `found` describes it, and `mend` is the remedy. */
export interface HistoryFault {
  found: string;
  mend: string;
}

const lockfile = { path: "migration_lock.toml", content: 'provider = "postgresql"\n' };

const filters = { externalTables: [], externalEnums: [] };

/** The advisory lock that serialises concurrent migrations of a database. The number is arbitrary, but must not change. */
const migrationLock = 7_126_344;
const lockRetryMs = 100;

/**
 * Applies the missing migrations, and resolves with their names. Each migration is one transaction. A migration that fails does not change the
 * database, but stays recorded as failed until an operator follows the `MigrationError`. Several processes may call this at once.
 */
export async function applyMigrations(
  url: string,
  source: MigrationSource = ours,
): Promise<string[]> {
  return withLock(url, () =>
    withEngine(url, source, async (engine) => {
      const migrationsList = await readMigrations(source);
      const faults = await historyFaults(engine, migrationsList);
      if (faults.length > 0) throw new MigrationError(faults.map(inWords).join("\n"));
      const { appliedMigrationNames } = await engine.applyMigrations({ migrationsList, filters });
      return appliedMigrationNames;
    }),
  );
}

/**
 * The differences between the schema and the migrations, or between a database and the migrations, in words; empty if there are none. The
 * server at `shadowUrl` must allow to create databases, which are dropped when this returns. The database at `databaseUrl` is only read.
 */
export async function checkMigrations({
  shadowUrl,
  databaseUrl,
  source = ours,
}: {
  shadowUrl: string;
  databaseUrl?: string;
  source?: MigrationSource;
}): Promise<string[]> {
  const faults: string[] = [];
  const script = await missingScript(shadowUrl, source);
  if (script !== null)
    faults.push(
      `prisma/schema.prisma has changes that no migration contains. "npm run db:diff -- --name <what-it-does>" writes the missing one:\n${script}`,
    );
  if (databaseUrl !== undefined) {
    faults.push(...(await databaseFaults(databaseUrl, source)).map(inWords));
  }
  return faults;
}

/** The differences between a database and the migrations; empty if it is up to date. The database is only read. */
export async function databaseFaults(
  url: string,
  source: MigrationSource = ours,
): Promise<HistoryFault[]> {
  return withEngine(url, source, async (engine) => {
    const migrationsList = await readMigrations(source);
    const faults = await historyFaults(engine, migrationsList);
    const { history } = await engine.diagnoseMigrationHistory({
      migrationsList,
      optInToShadowDatabase: false,
      filters,
    });
    if (history?.diagnostic === "databaseIsBehind")
      faults.push({
        found: `The database lacks ${history.unappliedMigrationNames.join(", ")}.`,
        mend: 'Run "npm run db:migrate".',
      });
    return faults;
  });
}

/** Writes the next migration with the changes of the schema. Resolves with its folder, or null if there are no changes. */
export async function writeMigration({
  shadowUrl,
  name,
  now,
  source = ours,
}: {
  shadowUrl: string;
  name: string;
  now: Date;
  source?: MigrationSource;
}): Promise<string | null> {
  const script = await missingScript(shadowUrl, source);
  if (script === null) return null;
  const stamp = now.toISOString().replaceAll(/[-:T]|\..*/g, "");
  const folder = join(
    source.migrationsFolder,
    `${stamp}_${name.replaceAll(/[^a-z0-9]+/gi, "_").toLowerCase()}`,
  );
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "migration.sql"), script);
  await writeFile(join(source.migrationsFolder, lockfile.path), lockfile.content);
  return folder;
}

async function missingScript(shadowUrl: string, source: MigrationSource): Promise<string | null> {
  return withEngine(shadowUrl, source, async (engine) => {
    const { exitCode, stdout } = await engine.diff({
      from: { tag: "migrations", ...(await readMigrations(source)) },
      to: {
        tag: "schemaDatamodel",
        files: [{ path: source.schemaPath, content: await readFile(source.schemaPath, "utf8") }],
      },
      script: true,
      exitCode: true,
      filters,
    });
    return exitCode === 0 ? null : (stdout ?? "");
  });
}

const inWords = ({ found, mend }: HistoryFault) => `${found} ${mend}`;

async function historyFaults(
  engine: SchemaEngine,
  migrationsList: MigrationList,
): Promise<HistoryFault[]> {
  const { editedMigrationNames, failedMigrationNames, history } =
    await engine.diagnoseMigrationHistory({
      migrationsList,
      optInToShadowDatabase: false,
      filters,
    });
  const faults: HistoryFault[] = [];
  if (editedMigrationNames.length > 0)
    faults.push({
      found: `Edited after they were applied: ${editedMigrationNames.join(", ")}.`,
      mend: "Restore the applied versions, and write the changes as a new migration.",
    });
  if (failedMigrationNames.length > 0)
    faults.push({
      found: `Failed half-way and left nothing behind: ${failedMigrationNames.join(", ")}.`,
      mend: 'Fix the cause, delete the row in "_prisma_migrations", and apply the migrations again.',
    });
  const unknown = unpersisted(history);
  if (unknown.length > 0)
    faults.push({
      found: `Applied to the database, but not among the files: ${unknown.join(", ")}.`,
      mend: "The database belongs to a newer version, or files were deleted: use the matching version of Tidings.",
    });
  return faults;
}

function unpersisted(history: HistoryDiagnostic | null): string[] {
  if (history === null || history.diagnostic === "databaseIsBehind") return [];
  return history.unpersistedMigrationNames;
}

async function readMigrations({ migrationsFolder }: MigrationSource): Promise<MigrationList> {
  const folders = (await readdir(migrationsFolder, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
  return {
    baseDir: migrationsFolder,
    lockfile,
    shadowDbInitScript: "",
    migrationDirectories: await Promise.all(
      folders.sort().map(async (path) => ({
        path,
        migrationFile: {
          path: "migration.sql",
          content: {
            tag: "ok" as const,
            value: await readFile(join(migrationsFolder, path, "migration.sql"), "utf8"),
          },
        },
      })),
    ),
  };
}

async function withEngine<Result>(
  url: string,
  source: MigrationSource,
  work: (engine: SchemaEngine) => Promise<Result>,
): Promise<Result> {
  const datamodel = await readFile(source.schemaPath, "utf8");
  return withSchemaEngine(url, [source.schemaPath, datamodel], work);
}

async function withLock<Result>(url: string, work: () => Promise<Result>): Promise<Result> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  await client.connect();
  try {
    while (!(await tryLock(client))) await sleep(lockRetryMs);
    return await work();
  } finally {
    await client.end();
  }
}

/** The lock is tried repeatedly: a statement that waits for it would hold a snapshot, for which CREATE INDEX CONCURRENTLY waits in turn. */
async function tryLock(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ locked: boolean }>(
    "SELECT pg_try_advisory_lock($1) AS locked",
    [migrationLock],
  );
  return rows[0]!.locked;
}
