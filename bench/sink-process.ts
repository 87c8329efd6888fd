import { startAnswering } from "./answering-process.ts";
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
  const sink = await startAnswering<SinkQuestion>("bench/sink.js", [JSON.stringify(manner)]);
  return {
    url: `smtp://127.0.0.1:${sink.port}`,
    pid: sink.pid,
    progress: () => sink.ask({ ask: "progress" }),
    report: () => sink.ask({ ask: "report" }),
    reached: (messages) => sink.ask({ ask: "reached", messages }),
    arrivals: (deliveryIds) => sink.ask({ ask: "arrivals", deliveryIds: [...deliveryIds] }),
    async received() {
      const messages: TakenMessage[] = [];
      for (let number = 0; ; number++) {
        const page = await sink.ask<TakenMessage[] | null>({ ask: "page", number });
        if (!page) return messages;
        for (const message of page) messages.push(message);
      }
    },
    reset: () => sink.ask({ ask: "reset" }),
    stop: () => sink.stop(),
  };
}
