import { setTimeout as sleep } from "node:timers/promises";
import { leaseMs } from "../../activities/dispatch/leases.ts";
import type { Sink } from "../../bench/sink-process.ts";
import { sendSignal } from "../../cli/stack/supervised.ts";
import { poll } from "../../lib/polling.ts";
import { withTimeout } from "../../lib/timeout.ts";
import { shutdownForceMs } from "../../workers/worker.ts";
import type { CrashOptions } from "./crash.ts";
import { type CrashStack, workers } from "./crash-stack.ts";
import type { LaunchedStack } from "./launched-stack.ts";
import type { SmallDisk } from "./small-disk.ts";

/** Longer than a lease: what is taken up again by mistake is seen. */
export const frozenMs = 2 * leaseMs;
/** How often the disk is full, and how often all of it is killed and started at once. */
export const times = 2;
const fullMs = 2 * leaseMs;
const refillMs = 200;

/** Resolves when the condition holds, or logs that it has not held for too long. */
export type Until = (what: string, ask: () => Promise<boolean>) => Promise<void>;

export interface Step {
  what: string;
  run: () => Promise<void>;
}

/** What is done to the stack while the campaign runs, one after the other. */
export function stepsOf({
  stack,
  server,
  options: { kills, freeze, sigterm, say },
  until,
  cutOff,
}: {
  stack: CrashStack;
  server: Sink;
  options: CrashOptions;
  until: Until;
  /** Called with a worker that had to be killed. */
  cutOff: () => void;
}): Step[] {
  if ("launcher" in stack.means) return stepsOfLauncher(stack.means, until, say);
  const { members } = stack.means;
  const kill = (role: "worker" | "temporal" | "postgres", index = 0) => ({
    what: role === "worker" ? `killed worker ${index}` : `killed ${role}`,
    run: async () => {
      await members.kill(role, index);
      await members.restart(role, index);
    },
  });
  const end = (index: number) => ({
    what: `asked worker ${index} to end`,
    run: async () => {
      await withTimeout(shutdownForceMs, members.kill("worker", index, "SIGTERM")).catch(cutOff);
      await members.restart("worker", index);
    },
  });
  const freezeServer = {
    what: "froze the mail server",
    run: () => whileFrozen(server.pid, () => Promise.resolve()),
  };
  const each = (count: number) => Array.from({ length: count }, (_, index) => index % workers);
  return [
    ...each(kills).map((index) => kill("worker", index)),
    ...(sigterm ? each(workers).map(end) : []),
    ...(freeze ? [freezeServer] : []),
    ...(kills > 0 ? [kill("temporal"), kill("postgres")] : []),
  ];
}

function stepsOfLauncher(
  { launcher, disk }: { launcher: LaunchedStack; disk: SmallDisk | null },
  until: Until,
  say: (line: string) => void,
): Step[] {
  const readiness = async () => {
    const response = await fetch(`${launcher.urls.api}/readyz`).catch(() => null);
    return response ? `${response.status} ${await response.text()}` : "no answer";
  };
  const untilReadiness = (what: string, expected: RegExp) =>
    until(what, async () => expected.test(await readiness()));
  const fill = (full: SmallDisk): Step => ({
    what: "had the disk full",
    run: async () => {
      // Whatever is given up meanwhile (a log, say) is taken as well.
      const filling = poll(() => Promise.resolve(full.fill()), refillMs);
      full.fill();
      // A PostgreSQL that has no room for its log stops, and cannot start before there is some.
      await untilReadiness("the API to be unready", /^503 /);
      say(`while the disk is full: ${await readiness()}`);
      await sleep(fullMs);
      filling.stop();
      full.free();
      await untilReadiness("the API to be ready again", /^200 .*"ready"/);
    },
  });
  const restart: Step = {
    what: "killed the launcher with all its processes, and started it at once",
    run: () => launcher.restartAtOnce(),
  };
  return Array.from({ length: times }, () => (disk ? fill(disk) : restart));
}

/** Has a process stand still for `frozenMs`, and does something meanwhile. */
export async function whileFrozen(pid: number, work: () => Promise<void>): Promise<void> {
  sendSignal(pid, "SIGSTOP");
  try {
    await Promise.all([sleep(frozenMs), work()]);
  } finally {
    sendSignal(pid, "SIGCONT");
  }
}
