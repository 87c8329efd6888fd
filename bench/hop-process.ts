import { fork } from "node:child_process";
import { once } from "node:events";
import { compiled } from "../cli/stack/guarded.ts";
import { temporalClient } from "../config/temporal.ts";
import type { HopReport } from "./hop.ts";
import { type hop, hopSignal } from "./hop-workflow.ts";

/** Measures Temporal's share of the latency of a single notification: a signal, and the activity that it causes. */
export interface Hops {
  /** Sends a signal, and resolves with the milliseconds until its activity runs. Only one at a time. */
  measure(): Promise<number>;
  stop(): Promise<void>;
}

const name = "bench-hop";

export async function startHops(address: string): Promise<Hops> {
  const child = fork(compiled("bench/hop.js"), [address, name], { execArgv: [] });
  const exited = once(child, "exit");
  const nextReport = async () => {
    const [message] = (await Promise.race([
      once(child, "message"),
      exited.then(([code]) => Promise.reject(new Error(`the hop's worker ended with ${code}`))),
    ])) as [HopReport];
    return message;
  };
  await nextReport();
  const client = temporalClient({ connectionOptions: { address }, namespace: "default" });
  const handle = await client.workflow.start<typeof hop>("hop", {
    workflowId: name,
    taskQueue: name,
  });
  let number = 0;
  return {
    async measure() {
      const arrived = nextReport();
      const sentAt = Date.now();
      await handle.signal(hopSignal, ++number);
      const message = await arrived;
      if (!("at" in message) || message.number !== number)
        throw new Error(`hop ${number} was answered by ${JSON.stringify(message)}`);
      return message.at - sentAt;
    },
    async stop() {
      await client.connection.close();
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}
