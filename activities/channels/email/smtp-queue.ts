import type { Job, Mail } from "./smtp-job.ts";

interface Options {
  /** How long a mail may wait for a connection, and for another if it comes back. */
  waitMs: number;
  /** Milliseconds since the epoch. */
  clock: () => number;
}

/** The mails that wait for a connection to one provider. Times without a date are monotonic. */
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

  /** A mail that came back from a connection goes first. */
  putBack(job: Job): void {
    job.deadlineMs = performance.now() + this.#options.waitMs;
    this.#jobs.unshift(job);
  }

  /** The next mail for a connection, its message made; undefined if none waits. One whose message cannot be made is done with. */
  take(isNew: boolean): Job | undefined {
    const { clock } = this.#options;
    for (;;) {
      const job = this.#next(isNew);
      if (!job) return undefined;
      job.startedAt = clock();
      try {
        job.message ??= job.mail.compose();
        return job;
      } catch (fault) {
        job.done({ fault });
      }
    }
  }

  #next(isNew: boolean): Job | undefined {
    if (isNew || !this.#jobs[0]?.needsNew) return this.#jobs.shift();
    const at = this.#jobs.findIndex(({ needsNew }) => !needsNew);
    return at < 0 ? undefined : this.#jobs.splice(at, 1)[0];
  }

  removeAll(): Job[] {
    return this.#jobs.splice(0);
  }

  /** Removes those that have waited too long. */
  removeOverdue(now: number): readonly Job[] {
    if (!this.#jobs.some((job) => now >= job.deadlineMs)) return [];
    const overdue = this.#jobs.filter((job) => now >= job.deadlineMs);
    this.#jobs = this.#jobs.filter((job) => now < job.deadlineMs);
    return overdue;
  }
}
