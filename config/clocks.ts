import type { ClockData } from "../domain/time/clocks.ts";
import { clocksInUse, useClocks } from "../domain/time/local-time.ts";
import { nodeClocks } from "../domain/time/node-clocks.ts";
import type { Logger } from "./logger.ts";
import { readSystemClocks, stampOf, type SystemClocks } from "./system-clocks.ts";

/** The interval at which a process checks the system's time zone data. */
export const checkIntervalMs = 60_000;

export interface ChosenClocks {
  clocks: ClockData | SystemClocks;
  /** Why the system's data is not used; null where it is. */
  instead: string | null;
}

/** Chooses the system's time zone data if it is of a newer release than the data in Node.js, and the data in Node.js otherwise. */
export function chooseClocks(folders: readonly string[]): ChosenClocks {
  const system = readSystemClocks(folders);
  if (typeof system === "string") return { clocks: nodeClocks, instead: system };
  if (system.version > nodeClocks.version) return { clocks: system, instead: null };
  return {
    clocks: nodeClocks,
    instead: `${system.folder} has ${system.version}, which is not newer`,
  };
}

/**
 * Makes this process use the newest time zone data, and checks for changes whenever the returned function is called. Changed data is used once
 * it is the same in two checks in a row, because an update writes one file after another.
 * @returns a function that returns whether the data in use has changed
 */
export function followClocks(
  folders: readonly string[],
  logger: Pick<Logger, "info" | "warn">,
): () => boolean {
  let usedStamp = stampOf(folders);
  let lastStamp = usedStamp;
  const adopt = () => {
    const { clocks, instead } = chooseClocks(folders);
    useClocks(clocks);
    const { version, source } = clocks;
    logger.info({ version, source, ...(instead !== null && { instead }) }, "time zone data");
  };
  adopt();
  return () => {
    const stamp = stampOf(folders);
    const isSettled = stamp === lastStamp;
    lastStamp = stamp;
    if (!isSettled || stamp === usedStamp) return false;
    adopt();
    usedStamp = stamp;
    return true;
  };
}

/** The time zone data that a process uses, for its threads. */
export interface ClockChoice {
  version: string;
  /** The folder of the data; null for the data in Node.js. */
  folder: string | null;
}

/** The time zone data that this process uses. */
export function clockChoice(): ClockChoice {
  const clocks = clocksInUse();
  return { version: clocks.version, folder: "folder" in clocks ? String(clocks.folder) : null };
}

let adopted: ClockChoice | undefined;

/** Makes this thread use the chosen data. The folder is read again, with changes since the choice. */
export function adoptClocks(choice: ClockChoice): void {
  const { version, folder } = choice;
  if (adopted?.version === version && adopted.folder === folder) return;
  adopted = choice;
  const system = folder === null ? null : readSystemClocks([folder]);
  useClocks(system === null || typeof system === "string" ? nodeClocks : system);
}
