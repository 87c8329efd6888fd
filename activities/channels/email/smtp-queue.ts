import type { Job, Mail } from "./smtp-job.ts";

interface Options {
  /** How long a mail may wait for a connection, and for another one if it comes back. */
  waitMs: number;
  /** Returns milliseconds since the epoch. */
  clock: () => number;
  /** Called when mails that had to wait may leave. */
  retry: () => void;
}

/** The mails that wait for a connection to one provider. Times other than dates are monotonic. */
export class MailQueue {
  readonly #options: Options;
  #jobs: Job[] = [];

  constructor(options: Options) {
    this.#options = options;
  }

  get length(): number {
    return this.#jobs.length;
  }

  add(mail: Mail, done: Job["done"], now: number): void {
    const { clock, waitMs } = this.#options;
    this.#jobs.push({
      mail,
      done,
      startedAt: clock(),
      deadlineMs: now + waitMs,
      message: null,
      dotWritten: false,
      returned: false,
      needsNew: false,
    });
  }

  /** Puts a mail that came back from a connection first. */
  putBack(job: Job): void {
    job.deadlineMs = performance.now() + this.#options.waitMs;
    this.#jobs.unshift(job);
  }

  /**
   * Takes the next mail for a connection, its message composed; undefined if none may leave. A mail that cannot be composed is
   * finished with its fault.
   */
  take(isNew: boolean): Job | undefined {
    const { clock } = this.#options;
    for (let at = 0; at < this.#jobs.length;) {
      const job = this.#jobs[at]!;
      const step = !isNew && job.needsNew ? "waits" : this.#prepare(job);
      if (step === "waits") {
        at += 1;
        continue;
      }
      if (at === 0) this.#jobs.shift();
      else this.#jobs.splice(at, 1);
      if (step === "open") {
        job.startedAt = clock();
        return job;
      }
      job.done(step);
    }
    return undefined;
  }

  /** True if a mail waits for a new connection. */
  get awaitsNew(): boolean {
    return this.#jobs.some(({ needsNew }) => needsNew);
  }

  /** The number of connections that are worth opening: only one for all mails that gates let through one after the other. */
  get connectionsWanted(): number {
    if (!this.#jobs[0]?.mail.isPaced) return this.#jobs.length;
    return 1 + this.#jobs.filter(({ mail }) => !mail.isPaced).length;
  }

  removeAll(): Job[] {
    return this.#jobs.splice(0);
  }

  /** Removes the mails that have waited too long. */
  removeOverdue(now: number): readonly Job[] {
    if (!this.#jobs.some((job) => now >= job.deadlineMs)) return [];
    const overdue = this.#jobs.filter((job) => now >= job.deadlineMs);
    this.#jobs = this.#jobs.filter((job) => now < job.deadlineMs);
    return overdue;
  }

  /** Composes a mail, and then asks whether it may leave, so that a mail that cannot be composed uses no slot. */
  #prepare(job: Job): "open" | "waits" | { fault: unknown } | { turnedAway: true } {
    const { retry } = this.#options;
    if (job.message === null && !job.mail.mayCompose(retry)) return "waits";
    try {
      job.message ??= job.mail.compose();
    } catch (fault) {
      return { fault };
    }
    const answer = job.mail.leave(retry);
    return answer === "closed" ? { turnedAway: true } : answer;
  }
}
