import type { ClockData } from "../domain/time/clocks.ts";
import { clocksInUse, useClocks } from "../domain/time/local-time.ts";
import { nodeClocks } from "../domain/time/node-clocks.ts";
import type { Logger } from "./logger.ts";
import { readSystemClocks, stampOf, type SystemClocks } from "./system-clocks.ts";

/** How often a process looks at the system's time zone data. */
export const lookMs = 60_000;

export interface ChosenClocks {
  clocks: ClockData | SystemClocks;
  /** Why it is not the system's; null where it is. */
  instead: string | null;
}

/** The system's time zone data where that is of a newer release than what Node.js brings, and what Node.js brings otherwise. */
export function chooseClocks(folders: readonly string[]): ChosenClocks {
  const system = readSystemClocks(folders);
  if (typeof system === "string") return { clocks: nodeClocks, instead: system };
  if (system.version > nodeClocks.version) return { clocks: system, instead: null };
  return {
    clocks: nodeClocks,
    instead: `${system.folder} has ${system.version}, which is no newer`,
  };
}

/**
 * Has this process go by the newest time zone data, and looks again whenever the returned function is called: what has changed is
 * used once it is the same at two looks in a row, for an update writes file after file.
 * @returns resolves whether other data is in use than before
 */
export function followClocks(
  folders: readonly string[],
  logger: Pick<Logger, "info" | "warn">,
): () => boolean {
  let used = stampOf(folders);
  let seen = used;
  const adopt = () => {
    const { clocks, instead } = chooseClocks(folders);
    useClocks(clocks);
    const { version, source } = clocks;
    const told = { version, source, ...(instead !== null && { instead }) };
    logger.info(told, "time zone data");
  };
  adopt();
  return () => {
    const stamp = stampOf(folders);
    const settled = stamp === seen;
    seen = stamp;
    if (!settled || stamp === used) return false;
    adopt();
    used = stamp;
    return true;
  };
}

/** By which a thread goes by the same time zone data as the process that it is of. */
export interface ClockChoice {
  version: string;
  /** Null for what Node.js brings. */
  folder: string | null;
}

export function clockChoice(): ClockChoice {
  const clocks = clocksInUse();
  return { version: clocks.version, folder: "folder" in clocks ? String(clocks.folder) : null };
}

let adopted: ClockChoice | undefined;

/** Has this thread go by the data that was chosen. What has changed in the folder since is used too. */
export function adoptClocks(choice: ClockChoice): void {
  const { version, folder } = choice;
  if (adopted?.version === version && adopted.folder === folder) return;
  adopted = choice;
  const system = folder === null ? null : readSystemClocks([folder]);
  useClocks(system === null || typeof system === "string" ? nodeClocks : system);
}
