import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { findTemporalCli, findTemporalTestServer, inPath, type Source } from "../stack/binaries.ts";
import { MissingError } from "../stack/missing.ts";
import { postgresBinaries } from "../stack/postgres.ts";
import { asUser, findPostgresUser } from "../stack/postgres-user.ts";
import { given, ok, warning, type Check } from "./check.ts";
import type { Surroundings } from "./surroundings.ts";

const run = promisify(execFile);
const runTimeoutMs = 5_000;

const whence: Record<Extract<Source, { path: string }>["from"], string> = {
  variable: "named by its variable",
  path: "in PATH",
  cache: "in our cache",
};

/** What `npm start` runs where no server of that kind is named, and what only the tests want. */
export function programChecks(surroundings: Surroundings): Check[] {
  const { environment, dataDir, canDownload } = surroundings;
  const find = { environment, ...(canDownload && { canDownload }) };
  const elsewhere = (variable: string) => `not needed: ${variable} names a server`;
  return [
    {
      name: "Temporal CLI",
      required: true,
      mend: "Install it (https://docs.temporal.io/cli), or name a running server in TEMPORAL_ADDRESS",
      look: async () => {
        if (given(environment, "TEMPORAL_ADDRESS"))
          return [ok("Temporal CLI", elsewhere("TEMPORAL_ADDRESS"))];
        const source = await findTemporalCli(find);
        if ("path" in source)
          return [
            ok(
              "Temporal CLI",
              `${await version(source.path)}, ${source.path}, ${whence[source.from]}`,
            ),
          ];
        return [
          source.from === "download"
            ? warning("Temporal CLI", "can be downloaded", "The first npm start does it")
            : warning(
                "Temporal CLI",
                "can be built with Go",
                "The first npm start does it, in 3 to 5 minutes",
              ),
        ];
      },
    },
    {
      name: "Temporal test server",
      required: false,
      mend: "Only npm test needs it",
      look: async () => {
        const source = await findTemporalTestServer(find);
        if (!("path" in source))
          return [
            warning(
              "Temporal test server",
              source.from === "download" ? "can be downloaded" : "can be fetched with Maven",
              "The first npm test does it; nothing else needs it",
            ),
          ];
        // What Maven fetched is run by Java, each time.
        if (source.path.endsWith("/run") && !inPath("java", environment))
          throw new MissingError(
            `${source.path} is there, and no Java to run it`,
            "Install Java; only npm test needs it",
          );
        return [ok("Temporal test server", `${source.path}, ${whence[source.from]}`)];
      },
    },
    {
      name: "Embedded PostgreSQL",
      required: !given(environment, "DATABASE_URL"),
      mend: 'Run "npm ci", or name a server in DATABASE_URL',
      look: async () => {
        const user = findPostgresUser(environment);
        const { postgres } = postgresBinaries();
        const runAs = user === "to be made" ? null : user;
        const data = join(existing(resolve(dataDir)), "postgres");
        const { program, args, user: as } = asUser(runAs, postgres, ["--version"], [data]);
        const { stdout } = await run(program, args, { timeout: runTimeoutMs, cwd: "/", ...as });
        const who =
          user === null
            ? ""
            : user === "to be made"
              ? ', as the user "postgres", who is made at the first start'
              : ', as the user "postgres"';
        return [ok("Embedded PostgreSQL", `${stdout.trim().replace(/^.*\) /, "")}${who}`)];
      },
    },
  ];
}

/** The folder itself, or the nearest above it that is there. */
export function existing(folder: string): string {
  return existsSync(folder) ? folder : existing(dirname(folder));
}

async function version(program: string): Promise<string> {
  try {
    const { stdout } = await run(program, ["--version"], { timeout: runTimeoutMs });
    return stdout.trim().replace("temporal version ", "").slice(0, 80);
  } catch {
    throw new MissingError(
      `${program} does not run`,
      "Install the Temporal CLI anew (https://docs.temporal.io/cli), or name another in TEMPORAL_CLI_PATH",
    );
  }
}
