import { fork } from "node:child_process";
import { once } from "node:events";
import { compiled } from "../cli/stack/guarded.ts";
import type { SinkManner, SinkQuestion, SinkReport } from "./sink.ts";
import type { TakenMessage } from "./tally.ts";

/** A sink in a separate process, and its counts. */
export interface Sink {
  url: string;
  pid: number;
  /** The number of messages since the last reset; a cheap call. */
  progress(): Promise<number>;
  report(): Promise<SinkReport>;
  /** Resolves with the instant at which the given number had arrived since the last reset. Only one call may wait at a time. */
  reached(messages: number): Promise<number>;
  /** The first arrival of each delivery in milliseconds of the wall clock; null if it did not arrive. */
  arrivals(deliveryIds: readonly string[]): Promise<(number | null)[]>;
  /** Every message since the last reset. */
  received(): Promise<TakenMessage[]>;
  reset(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a sink, which ends with this process at the latest. */
export async function startSink(manner: SinkManner = {}): Promise<Sink> {
  const child = fork(compiled("bench/sink.js"), [JSON.stringify(manner)], { execArgv: [] });
  const waiting = new Map<number, (answer: unknown) => void>();
  let asked = 0;
  const [{ port }] = (await once(child, "message")) as [{ port: number }];
  child.on("message", ({ number, answer }: { number: number; answer: unknown }) => {
    waiting.get(number)?.(answer);
    waiting.delete(number);
  });
  const ask = <Answer>(question: SinkQuestion) =>
    new Promise<Answer>((resolve, reject) => {
      const number = asked++;
      waiting.set(number, resolve as (answer: unknown) => void);
      child.send({ number, question }, (error) => error && reject(error));
    });
  return {
    url: `smtp://127.0.0.1:${port}`,
    pid: child.pid!,
    progress: () => ask({ ask: "progress" }),
    report: () => ask({ ask: "report" }),
    reached: (messages) => ask({ ask: "reached", messages }),
    arrivals: (deliveryIds) => ask({ ask: "arrivals", deliveryIds: [...deliveryIds] }),
    async received() {
      const messages: TakenMessage[] = [];
      for (let number = 0; ; number++) {
        const page = await ask<TakenMessage[] | null>({ ask: "page", number });
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
