import pg from "pg";
import type { ClockData } from "../../domain/time/clocks.ts";
import { isTimeZone } from "../../domain/time/zone-names.ts";
import { databaseFaults } from "../../prisma/migrate.ts";
import { MissingError } from "../stack/missing.ts";
import { missing, ok, reasonOf, warning, type Check, type Finding } from "./check.ts";
import { readIfGiven } from "./configuration.ts";
import type { Surroundings } from "./surroundings.ts";
import { clocksHere } from "./time-zones.ts";

const connectTimeoutMs = 4_000;
const least = 15;

/** Checks the database of `DATABASE_URL` without changing it. If the variable is not set, there is no finding. */
export function databaseCheck({ environment }: Surroundings): Check {
  return {
    name: "Database",
    required: true,
    mend: "Start it, or correct DATABASE_URL",
    look: async () => {
      const url = readIfGiven("DATABASE_URL", environment);
      if (url === null) return [];
      const client = new pg.Client({
        connectionString: url,
        connectionTimeoutMillis: connectTimeoutMs,
        query_timeout: connectTimeoutMs,
      });
      client.on("error", () => {});
      const where = `${client.host}:${client.port}/${client.database}`;
      try {
        await client.connect().catch((error: unknown) => {
          throw new MissingError(`${where}: ${reasonOf(error)}`, mendFor(error));
        });
        const server = await versionOf(client);
        if (server.major < least)
          throw new MissingError(
            `${where}: PostgreSQL ${server.text}`,
            `Upgrade it to PostgreSQL ${least} or newer`,
          );
        return [
          ok("Database", `PostgreSQL ${server.text} at ${where}`),
          ...(await migrations(url)),
          await searchExtension(client),
          ...(await recipientsElsewhere(client, clocksHere({ environment }).clocks)),
        ];
      } finally {
        await client.end().catch(() => {});
      }
    },
  };
}

/** Remedies by SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html). */
const mends: Record<string, string> = {
  "28P01": "Correct user and password in DATABASE_URL",
  "28000": "Correct the user in DATABASE_URL, or allow it in pg_hba.conf",
  "3D000": "Create the database, or correct its name in DATABASE_URL",
};

const mendFor = (error: unknown) =>
  mends[(error as { code?: string }).code ?? ""] ?? "Start it, or correct DATABASE_URL";

async function versionOf(client: pg.Client): Promise<{ major: number; text: string }> {
  const { rows } = await client.query<{ number: number; text: string }>(
    "SELECT current_setting('server_version_num')::int AS number, current_setting('server_version') AS text",
  );
  const { number, text } = rows[0]!;
  return { major: Math.floor(number / 10_000), text };
}

async function migrations(url: string): Promise<Finding[]> {
  const faults = await databaseFaults(url);
  if (faults.length === 0) return [ok("Migrations", "up to date")];
  return faults.map(({ found, mend }) => missing("Migrations", found, mend));
}

/** Checks the extension that a migration creates. If the role may not create it, a superuser must. */
async function searchExtension(client: pg.Client): Promise<Finding> {
  const { rows } = await client.query<{
    version: string;
    installed: boolean;
    mayCreate: boolean;
  }>(
    `SELECT e.default_version AS version, e.installed_version IS NOT NULL AS installed,
       (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
         OR (v.trusted AND has_database_privilege(current_database(), 'CREATE')) AS "mayCreate"
     FROM pg_available_extensions e JOIN pg_available_extension_versions v ON v.name = e.name AND v.version = e.default_version
     WHERE e.name = 'pg_trgm'`,
  );
  const [extension] = rows;
  const name = "Extension pg_trgm";
  if (!extension)
    return missing(
      name,
      "not installed on the server",
      "Install PostgreSQL's contrib package on the server",
    );
  if (extension.installed) return ok(name, `${extension.version}, created`);
  if (extension.mayCreate) return ok(name, `${extension.version}, this role may create it`);
  return missing(
    name,
    "not created, and this role may not create it",
    "GRANT CREATE ON DATABASE to the role, or have a superuser run CREATE EXTENSION pg_trgm",
  );
}

const namesShown = 5;

/** Finds recipients whose time zone is not a name of IANA's. Earlier versions accepted such names, and they may mean another place. */
async function recipientsElsewhere(client: pg.Client, clocks: ClockData): Promise<Finding[]> {
  const { rows } = await client
    .query<{ zone: string; count: number }>(
      `SELECT time_zone AS zone, count(*)::int AS count FROM recipients WHERE erased_at IS NULL GROUP BY time_zone ORDER BY count DESC, zone`,
    )
    // The table does not exist before the first migration, which another finding reports.
    .catch(() => ({ rows: [] }));
  const odd = rows.filter(({ zone }) => !isTimeZone(zone, clocks));
  if (odd.length === 0) return [];
  const shown = odd.slice(0, namesShown).map(({ zone, count }) => `${zone} (${count})`);
  const more = odd.length > namesShown ? ` and ${odd.length - namesShown} more` : "";
  return [
    warning(
      "Recipients' time zones",
      `not in IANA's data: ${shown.join(", ")}${more}`,
      "Set the intended zone of these recipients (GET /v1/recipients?timeZone=…): Node.js interprets such names, for example BST as Dhaka",
    ),
  ];
}
