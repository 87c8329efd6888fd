import { accessSync, constants } from "node:fs";
import { statfs } from "node:fs/promises";
import { resolve } from "node:path";
import { MissingError } from "../stack/missing.ts";
import { defaultPorts, isFree, portOptions, type PortName } from "../stack/ports.ts";
import { launcherOf } from "../stack/processes.ts";
import { given, missing, ok, warning, type Check, type Finding } from "./check.ts";
import { providersIfGiven } from "./configuration.ts";
import { existing } from "./programs.ts";
import type { Surroundings } from "./surroundings.ts";

/** With less free space, a campaign to a million recipients may not fit. */
const roomBytes = 2 * 1024 ** 3;

/** Checks what `npm start` needs on the machine: ports, and a folder with free space. */
export function machineChecks(surroundings: Surroundings): Check[] {
  const { environment, dataDir } = surroundings;
  return [
    {
      name: "Ports",
      required: true,
      mend: "Stop the program that listens there",
      look: async () => {
        const launcher = launcherOf(dataDir);
        if (launcher)
          return [
            ok("Ports", `in use by Tidings, which runs from ${dataDir} (process ${launcher.pid})`),
          ];
        const ports = await Promise.all(portsOf(environment).map(checkPort));
        const faults = ports.filter((port) => port.finding !== null);
        if (faults.length > 0) return faults.map(({ finding }) => finding!);
        return [ok("Ports", `free: ${ports.map(({ port }) => port).join(", ")}`)];
      },
    },
    {
      name: "Data folder",
      required: true,
      mend: "Name another folder in TIDINGS_DATA",
      look: async () => {
        const folder = existing(resolve(dataDir));
        try {
          accessSync(folder, constants.W_OK);
        } catch {
          throw new MissingError(
            `${folder} is not writable`,
            "Name another folder in TIDINGS_DATA",
          );
        }
        const { bavail, bsize } = await statfs(folder);
        const free = `${dataDir}, ${((bavail * bsize) / 1024 ** 3).toFixed(1)} GiB free`;
        return [
          bavail * bsize < roomBytes
            ? warning(
                "Data folder",
                free,
                "Free some space, or name another folder in TIDINGS_DATA",
              )
            : ok("Data folder", free),
        ];
      },
    },
  ];
}

/** The ports of the servers that `npm start` runs itself. */
function portsOf(environment: NodeJS.ProcessEnv): { name: PortName; asked: string | undefined }[] {
  const hasTemporal = given(environment, "TEMPORAL_ADDRESS");
  const hasSmtp = given(environment, "SMTP_URL") || providersIfGiven(environment).smtp.length > 0;
  const isElsewhere: Record<PortName, boolean> = {
    api: false,
    postgres: given(environment, "DATABASE_URL"),
    temporal: hasTemporal,
    temporalUi: hasTemporal,
    smtp: hasSmtp,
    mailbox: hasSmtp,
  };
  return (Object.keys(defaultPorts) as PortName[])
    .filter((name) => !isElsewhere[name])
    .map((name) => ({ name, asked: environment[portOptions[name].variable] || undefined }));
}

async function checkPort({
  name,
  asked,
}: {
  name: PortName;
  asked: string | undefined;
}): Promise<{ port: number; finding: Finding | null }> {
  const { what, variable } = portOptions[name];
  const port = asked === undefined ? defaultPorts[name] : Number(asked);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    return {
      port,
      finding: missing(
        "Ports",
        `${variable} is not a port`,
        `Set ${variable} to a number from 1 to 65535`,
      ),
    };
  if (await isFree(port)) return { port, finding: null };
  const found = `${port} (${what}) is in use`;
  return {
    port,
    finding:
      asked === undefined
        ? warning("Ports", found, "Nothing to do: npm start uses the next free port")
        : missing("Ports", found, `Stop the program that listens there, or change ${variable}`),
  };
}
