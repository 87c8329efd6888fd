import { fork } from "node:child_process";
import { once } from "node:events";
import { compiled } from "../cli/stack/guarded.ts";
import type { ReceivedMessage } from "./discrepancies.ts";
import type { SinkQuestion, SinkReport } from "./sink.ts";

/** A sink that runs beside us, and its counts. */
export interface Sink {
  url: string;
  pid: number;
  /** Messages since the last reset: cheap to ask. */
  progress(): Promise<number>;
  report(): Promise<SinkReport>;
  /** When each delivery first arrived, in milliseconds of the wall clock; null if it did not. */
  arrivals(deliveryIds: readonly string[]): Promise<(number | null)[]>;
  /** Every message since the last reset. */
  received(): Promise<ReceivedMessage[]>;
  reset(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a sink; it ends with this process at the latest. */
export async function startSink(): Promise<Sink> {
  const child = fork(compiled("bench/sink.js"), [], { execArgv: [] });
  const waiting: ((answer: unknown) => void)[] = [];
  const [{ port }] = (await once(child, "message")) as [{ port: number }];
  child.on("message", ({ answer }: { answer: unknown }) => waiting.shift()?.(answer));
  const ask = <Answer>(question: SinkQuestion) =>
    new Promise<Answer>((resolve, reject) => {
      waiting.push(resolve as (answer: unknown) => void);
      child.send(question, (error) => error && reject(error));
    });
  return {
    url: `smtp://127.0.0.1:${port}`,
    pid: child.pid!,
    progress: () => ask({ ask: "progress" }),
    report: () => ask({ ask: "report" }),
    arrivals: (deliveryIds) => ask({ ask: "arrivals", deliveryIds: [...deliveryIds] }),
    async received() {
      const messages: ReceivedMessage[] = [];
      for (let number = 0; ; number++) {
        const page = await ask<ReceivedMessage[] | null>({ ask: "page", number });
        if (!page) return messages;
        for (const message of page) messages.push(message);
      }
    },
    reset: () => ask({ ask: "reset" }),
    async stop() {
      const exited = once(child, "exit");
      child.disconnect();
      await exited;
    },
  };
}
