import { fork } from "node:child_process";
import { once } from "node:events";
import { compiled } from "../cli/stack/guarded.ts";
import type { PeerOrder, PeerResult } from "./peer.ts";

/** Runs a bare sender in a separate process. Rejects with its error. */
export async function runPeer(order: PeerOrder): Promise<PeerResult> {
  const child = fork(compiled("bench/peer.js"), [], { execArgv: [] });
  const exited = once(child, "exit");
  child.send(order);
  const [answer] = (await Promise.race([
    once(child, "message"),
    exited.then(([code]) => [{ error: `it ended with exit code ${code}` }]),
  ])) as [{ result: PeerResult } | { error: string }];
  if (child.connected) child.disconnect();
  await exited;
  if ("error" in answer) throw new Error(`the ${order.peer} peer failed: ${answer.error}`);
  return answer.result;
}

/** The messages per second over several runs. */
export function ratePerSecond(runs: readonly PeerResult[]): number {
  const sum = (of: (run: PeerResult) => number) => runs.reduce((total, run) => total + of(run), 0);
  return sum((run) => run.messages) / sum((run) => run.seconds);
}
