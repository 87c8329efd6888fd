import { fork } from "node:child_process";
import { once } from "node:events";
import { compiled } from "../cli/stack/guarded.ts";

/** A program in a separate process that answers numbered questions over IPC. */
export interface AnsweringProcess<Question> {
  /** What the program listens on. */
  port: number;
  pid: number;
  ask<Answer>(question: Question): Promise<Answer>;
  stop(): Promise<void>;
}

/** Starts a compiled program, which says its port first, and ends with this process at the latest. */
export async function startAnswering<Question>(
  program: string,
  args: readonly string[] = [],
): Promise<AnsweringProcess<Question>> {
  const child = fork(compiled(program), [...args], { execArgv: [] });
  const waiting = new Map<number, (answer: unknown) => void>();
  let asked = 0;
  const [{ port }] = (await once(child, "message")) as [{ port: number }];
  child.on("message", ({ number, answer }: { number: number; answer: unknown }) => {
    waiting.get(number)?.(answer);
    waiting.delete(number);
  });
  return {
    port,
    pid: child.pid!,
    ask: <Answer>(question: Question) =>
      new Promise<Answer>((resolve, reject) => {
        const number = asked++;
        waiting.set(number, resolve as (answer: unknown) => void);
        child.send({ number, question }, (error) => error && reject(error));
      }),
    async stop() {
      const exited = once(child, "exit");
      child.disconnect();
      await exited;
    },
  };
}
