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

const sourceWords: Record<Extract<Source, { path: string }>["from"], string> = {
  variable: "named by its variable",
  path: "in PATH",
  cache: "in the cache of Tidings",
};

/** Checks the programs that `npm start` runs where no server is configured, and those that only tests need. */
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
              `${await version(source.path)}, ${source.path}, ${sourceWords[source.from]}`,
            ),
          ];
        return [
          source.from === "download"
            ? warning(
                "Temporal CLI",
                "not installed, can be downloaded",
                "Nothing to do: the first npm start downloads it",
              )
            : warning(
                "Temporal CLI",
                "not installed, can be built with Go",
                "Nothing to do: the first npm start builds it, in 3 to 5 minutes",
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
              source.from === "download"
                ? "not installed, can be downloaded"
                : "not installed, can be fetched with Maven",
              "Nothing to do: the first npm test fetches it, and nothing else needs it",
            ),
          ];
        // The test server from Maven runs with Java.
        if (source.path.endsWith("/run") && !inPath("java", environment))
          throw new MissingError(
            `${source.path} needs Java, which is not installed`,
            "Install Java; only npm test needs it",
          );
        return [ok("Temporal test server", `${source.path}, ${sourceWords[source.from]}`)];
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
              ? ', as the user "postgres", which the first start creates'
              : ', as the user "postgres"';
        return [ok("Embedded PostgreSQL", `${stdout.trim().replace(/^.*\) /, "")}${who}`)];
      },
    },
  ];
}

/** The folder, or its nearest parent that exists. */
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
      "Install the Temporal CLI again (https://docs.temporal.io/cli), or name another one in TEMPORAL_CLI_PATH",
    );
  }
}
