import { performance } from "node:perf_hooks";
import { Logs } from "./logs.ts";
import { ProcessRegister } from "./processes.ts";
import { pidsOf, type Running, Supervised } from "./supervised.ts";

/** The roles of processes in the order in which they stop. */
const roles = ["worker", "inbound", "api", "mailbox", "temporal", "postgres"] as const;
export type Role = (typeof roles)[number];

/** One of the stack's processes did not start; the message ends with its last output. */
export class StartError extends Error {
  override name = "StartError";
}

/** The arguments with which a process is started. */
export interface StartTerms {
  /** An open file for its output. */
  log: number;
  /** Must be called as soon as the process exists, so that it can be found after a crash. */
  born: (running: Running) => void;
}

/** A failed start, for the function that may fix its cause. */
export interface FailedStart {
  error: unknown;
  /** The last output of the process. */
  output: string;
  /** The time since the first attempt. */
  sinceMs: number;
}

/** The time that the processes of an earlier stack have to stop before they are killed. */
const leftoverGraceMs = 20_000;

/** The processes of one stack: each is supervised, has its own log, and is recorded on disk. */
export class Members {
  readonly #say: (line: string) => void;
  readonly #logs: Logs;
  readonly #register: ProcessRegister;
  readonly #members = Object.fromEntries(roles.map((role) => [role, [] as Supervised[]])) as Record<
    Role,
    Supervised[]
  >;

  constructor(dataDir: string, say: (line: string) => void) {
    this.#say = say;
    this.#logs = new Logs(dataDir, say);
    this.#register = new ProcessRegister(dataDir, say);
  }

  /** Stops the processes of an earlier stack. Resolves with whether there were any. */
  clearLeftovers(): Promise<boolean> {
    return this.#register.clearLeftovers(leftoverGraceMs);
  }

  /**
   * Adds a process and starts it: `start` resolves when it is ready. If the start fails, `fix` may correct the cause and says whether to try
   * again. Rejects with a `StartError`.
   */
  async supervise(
    role: Role,
    start: (terms: StartTerms) => Promise<Running>,
    fix: (failed: FailedStart) => Promise<boolean> = () => Promise.resolve(false),
  ): Promise<void> {
    const members = this.#members[role];
    const name = role === "worker" ? `worker-${members.length}` : role;
    const member = new Supervised({
      name,
      say: this.#say,
      start: async () => {
        const sinceMs = performance.now();
        for (;;) {
          const log = this.#logs.open(name);
          try {
            return await start({ log: log.fd, born: (running) => this.#note(running) });
          } catch (error) {
            const output = log.tail();
            if (await fix({ error, output, sinceMs: performance.now() - sinceMs })) continue;
            const reason = error instanceof Error ? error.message : String(error);
            throw new StartError(`${name}: ${reason}\n${output}`.trimEnd(), { cause: error });
          } finally {
            log.close();
          }
        }
      },
    });
    members.push(member);
    await member.start();
  }

  #note(running: Running): void {
    const pids = pidsOf(running);
    this.#register.add(pids);
    void running.exited.then(() => this.#register.remove(pids));
  }

  get(role: Role, index: number): Supervised {
    const member = this.#members[role][index];
    if (!member) throw new Error(`this stack does not run ${role} ${index}`);
    return member;
  }

  /** The process ids, without guards; null for a process that is down. */
  pids(): Record<Role, (number | null)[]> {
    const entries = roles.map((role) => [role, this.#members[role].map(({ pid }) => pid)]);
    return Object.fromEntries(entries) as Record<Role, (number | null)[]>;
  }

  async stop(): Promise<void> {
    for (const role of roles) await Promise.all(this.#members[role].map((member) => member.stop()));
  }

  abandon(): void {
    for (const member of Object.values(this.#members).flat()) member.abandon();
  }
}
