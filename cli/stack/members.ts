import { performance } from "node:perf_hooks";
import { Logs } from "./logs.ts";
import { ProcessRegister } from "./processes.ts";
import { pidsOf, type Running, Supervised } from "./supervised.ts";

/** In the order in which they stop. */
const roles = ["worker", "api", "mailbox", "temporal", "postgres"] as const;
export type Role = (typeof roles)[number];

/** One of the stack's processes did not come up; the message ends with what it printed last. */
export class StartError extends Error {
  override name = "StartError";
}

/** What a process is started with. */
export interface StartTerms {
  /** An open file for what it prints. */
  log: number;
  /** Is to be told of it as soon as it exists: whoever comes after a crash has to find it. */
  born: (running: Running) => void;
}

/** A start that failed, as whoever may know a mend for it is told. */
export interface FailedStart {
  error: unknown;
  /** What the process printed last. */
  said: string;
  /** How long it has been tried. */
  sinceMs: number;
}

/** What an earlier stack's processes get to stop before they are killed. */
const leftoverGraceMs = 20_000;

/** The processes of one stack: each supervised, with a log of its own, and noted on disk. */
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

  /** Resolves when nothing of an earlier stack runs any more, with whether it had left anything behind. */
  clearLeftovers(): Promise<boolean> {
    return this.#register.clearLeftovers(leftoverGraceMs);
  }

  /**
   * Adds one, and starts it: `start` resolves when it serves. Where it does not, `mend` says whether it is worth another try. Rejects
   * with a `StartError`.
   */
  async supervise(
    role: Role,
    start: (terms: StartTerms) => Promise<Running>,
    mend: (failed: FailedStart) => Promise<boolean> = () => Promise.resolve(false),
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
            const said = log.tail();
            if (await mend({ error, said, sinceMs: performance.now() - sinceMs })) continue;
            const reason = error instanceof Error ? error.message : String(error);
            throw new StartError(`${name}: ${reason}\n${said}`.trimEnd(), { cause: error });
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
    if (!member) throw new Error(`this stack has no ${role} ${index} of its own`);
    return member;
  }

  /** The processes themselves, guards left out; null for one that is down. */
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
