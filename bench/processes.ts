import { readdirSync, readFileSync } from "node:fs";

/** Measures CPU time and memory of the processes of each role, from Linux's /proc. */
export interface ProcessMeter<Role extends string> {
  /** CPU seconds of each role since the meter was created, including ended children. */
  cpuSeconds(): Record<Role, number>;
  /** The peak resident memory in MB of the largest process of each role since its start, without children. */
  peakRssMb(): Record<Role, number>;
}

/** The unit of times in /proc: 100 per second on every Linux that Node.js supports (USER_HZ). */
const ticksPerSecond = 100;

/**
 * @param roots the process ids of each role, null for a process that is down; their descendants are counted too
 * @throws where there is no /proc
 */
export function meterProcesses<Role extends string>(
  roots: Record<Role, readonly (number | null)[]>,
): ProcessMeter<Role> {
  const roles = Object.keys(roots) as Role[];
  const each = <Value>(of: (role: Role) => Value) =>
    Object.fromEntries(roles.map((role) => [role, of(role)])) as Record<Role, Value>;

  const ticks = () => {
    const all = readAll();
    const ofTree = (pid: number): number =>
      [...all.values()]
        .filter(({ parent }) => parent === pid)
        .reduce((sum, child) => sum + ofTree(child.pid), all.get(pid)?.ticks ?? 0);
    return each((role) => living(roots[role]).reduce((sum, pid) => sum + ofTree(pid), 0));
  };

  const before = ticks();
  return {
    cpuSeconds() {
      const now = ticks();
      return each((role) => (now[role] - before[role]) / ticksPerSecond);
    },
    peakRssMb() {
      return each((role) => Math.max(0, ...living(roots[role]).map(peakRssKb)) / 1_024);
    },
  };
}

const living = (pids: readonly (number | null)[]) => pids.filter((pid) => pid !== null);

interface Entry {
  pid: number;
  parent: number;
  /** The CPU time of the process and of its ended children. */
  ticks: number;
}

function readAll(): Map<number, Entry> {
  const entries = new Map<number, Entry>();
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const stat = readOrNull(`/proc/${pid}/stat`);
    if (stat === null) continue;
    // The second field is the program's name in brackets, and may contain any character; see proc(5) for the fields after it.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const ticks = [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index]), 0);
    entries.set(pid, { pid, parent: Number(fields[1]), ticks });
  }
  return entries;
}

function peakRssKb(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readOrNull(`/proc/${pid}/status`) ?? "")?.[1] ?? 0);
}

/** Ignores a process that has ended since it was listed. */
function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}
