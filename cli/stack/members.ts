import { closeSync } from "node:fs";
import { Logs } from "./logs.ts";
import { ProcessRegister } from "./processes.ts";
import { Supervised, type Running } from "./supervised.ts";

/** In the order in which they stop. */
const roles = ["worker", "api", "mailbox", "temporal", "postgres"] as const;
export type Role = (typeof roles)[number];

/** One of the stack's processes did not come up; the message ends with what it printed last. */
export class StartError extends Error {
  override name = "StartError";
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
    this.#logs = new Logs(dataDir);
    this.#register = new ProcessRegister(dataDir);
  }

  /** Resolves when nothing of an earlier stack runs any more. */
  clearLeftovers(): Promise<void> {
    return this.#register.clearLeftovers(leftoverGraceMs);
  }

  /** Adds one, and starts it: `start` gets an open log and resolves when it serves. Rejects with a `StartError`. */
  async supervise(role: Role, start: (log: number) => Promise<Running>): Promise<void> {
    const members = this.#members[role];
    const name = role === "worker" ? `worker-${members.length}` : role;
    const member = new Supervised({
      name,
      say: this.#say,
      changed: ({ started, ended }) => {
        if (started) this.#register.add(started);
        if (ended) this.#register.remove(ended);
      },
      start: async () => {
        const log = this.#logs.open(name);
        try {
          return await start(log);
        } catch (error) {
          const reason = error instanceof Error ? error.message : String(error);
          throw new StartError(`${name}: ${reason}\n${this.#logs.tail(name)}`.trimEnd(), {
            cause: error,
          });
        } finally {
          closeSync(log);
        }
      },
    });
    members.push(member);
    await member.start();
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
