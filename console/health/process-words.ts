import type { DeliveryStatus } from "../../domain/delivery/status.ts";
import type { IconName } from "../parts/icon.tsx";
import { formatCount, formatNoun } from "../words/numbers.ts";
import { formatMilliseconds } from "./indicators.ts";
import type { Process } from "./queries.ts";

export const kindWords: Record<Process["kind"], string> = {
  api: "API",
  worker: "Worker",
  inbound: "Receiver of returned mail",
};

/** How the state of a process is shown. */
export function describeState({ state, ready, faults }: Process): {
  tone: DeliveryStatus;
  icon: IconName;
  word: string;
} {
  if (state === "gone") return { tone: "failed", icon: "cross", word: "Gone" };
  if (ready) return { tone: "delivered", icon: "check", word: "Alive" };
  return faults.length > 0
    ? { tone: "unknown", icon: "warning", word: "Not ready" }
    : { tone: "pending", icon: "clock", word: "Starting" };
}

/** Formats how far a clock is off; a difference that the network alone may cause is none. */
export function formatClock({ clockAheadMs: ms }: Process): string {
  if (Math.abs(ms) < 100) return "right";
  return `${formatMilliseconds(Math.abs(ms))} ${ms > 0 ? "ahead" : "behind"}`;
}

/** Counts the processes by state: `4 alive, 1 gone`. */
export function countStates(processes: readonly Process[]): string {
  const gone = processes.filter(({ state }) => state === "gone").length;
  const alive = `${formatCount(processes.length - gone)} alive`;
  return gone > 0 ? `${alive}, ${formatCount(gone)} gone` : alive;
}

/** Says what concerns all processes together: that no worker is alive, and that several versions run. */
export function describeTogether(processes: readonly Process[]): string[] {
  const alive = processes.filter(({ state }) => state === "alive");
  const notes: string[] = [];
  if (!alive.some(({ kind }) => kind === "worker"))
    notes.push("No worker is alive, so that nothing is sent. Start one.");
  const versions = [...new Set(alive.map(({ version }) => version))].sort();
  if (versions.length > 1) {
    const each = versions.map((version) => {
      const own = alive.filter((process) => process.version === version);
      return `${version} (${countKinds(own)})`;
    });
    notes.push(
      `Different versions run side by side: ${each.join(", ")}. This is normal during a rolling update. After it, restart those of the older version.`,
    );
  }
  return notes;
}

function countKinds(processes: readonly Process[]): string {
  const nouns = {
    api: ["API process", "API processes"],
    worker: ["worker", "workers"],
    inbound: ["receiver of returned mail", "receivers of returned mail"],
  } as const;
  return (["api", "worker", "inbound"] as const)
    .map((kind) => [kind, processes.filter((process) => process.kind === kind).length] as const)
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => formatNoun(count, nouns[kind][0], nouns[kind][1]))
    .join(", ");
}

/** Those with faults first, then by kind and host, so that rows keep their places while processes report themselves. */
export const inOrder = (processes: readonly Process[]): Process[] =>
  processes.toSorted(
    (one, other) =>
      Number(other.faults.length > 0) - Number(one.faults.length > 0) ||
      one.kind.localeCompare(other.kind) ||
      one.host.localeCompare(other.host) ||
      one.pid - other.pid,
  );
