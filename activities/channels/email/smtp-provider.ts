import type { Logger } from "pino";
import type { SmtpProvider as ProviderSettings } from "../../../config/environment.ts";
import { withoutAddresses } from "../../../config/describe-error.ts";
import {
  responseLimit,
  type Attempt,
  type AttemptFailure,
} from "../../../domain/delivery/attempt.ts";
import { isProviderFault } from "../../../domain/delivery/provider-fault.ts";
import { smtpRetryAfterMs } from "../../../domain/delivery/retry-after.ts";
import type { Breaker } from "../breakers.ts";
import type { WatchedGate } from "../gate-cache.ts";
import type { Standing } from "../admission.ts";
import { RestPeriod } from "./cooldown.ts";
import { ConnectError, openConnection, withoutCredentials } from "./smtp-connect.ts";
import type { Job, Loss, Mail, Verdict } from "./smtp-job.ts";
import type { SessionOwner } from "./smtp-owner.ts";
import { SmtpSession } from "./smtp-session.ts";

/** A server is left alone when it has had nothing to do for so long; they commonly hang up themselves after minutes. */
const idleLimitMs = 30_000;

/** What became of a mail at one provider. `fault` is what making its content threw: nothing was handed over. */
export type ProviderResult =
  | { attempt: Attempt; unsupported: boolean; standing: Standing }
  | { fault: unknown };

/** Of a reason that is shown to operators. */
const reasonLimit = 200;

interface Options {
  settings: ProviderSettings;
  /** The reverse path. */
  from: string;
  /**
   * How long a mail may take once a connection is free for it, and how long it may wait for one: twice this in all. Connecting
   * is bounded by the same.
   */
  sendDeadlineMs: number;
  /**
   * Where there are others: how long mails may wait for a server that is at work and finishes nothing. Then they are turned
   * away, and it is suspect. What it was handed keeps its deadline.
   */
  stallMs: number | null;
  /** Is told what the outcomes say. */
  breaker: Pick<Breaker, "succeeded" | "failed">;
  /** Is shut where the server asks to be left alone for a while. */
  gate: Pick<WatchedGate, "shut">;
  /** Milliseconds since the epoch: what attempts are dated with. */
  clock: () => number;
  logger?: Logger | undefined;
}

/**
 * An SMTP server and the connections kept to it: opened as there is work for them, closed when idle. One that could not be
 * reached or did not answer in time is suspect, and rests for a moment; while it rests and no connection to it stands, mails
 * are turned away at once.
 */
export class SmtpProvider implements SessionOwner<SmtpSession> {
  readonly connections: number;
  #options: Options;
  #queue: Job[] = [];
  #sessions = new Set<SmtpSession>();
  #opening = 0;
  /** Mails that have no result yet. */
  #pending = 0;
  /** When it last finished a mail, or got one after having none. */
  #progressAtMs = 0;
  /** Whether to prefer others; and whether to open connections. One may go well without the other. */
  #health = new RestPeriod();
  #reach = new RestPeriod();
  #lastLoss: Loss = { failure: "connection", message: "not reached yet" };
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #drained: () => void = () => {};

  constructor(options: Options) {
    this.#options = options;
    this.connections = options.settings.connections;
  }

  /** False where another provider should be preferred. A suspect one that has rested gets one mail, to see. */
  get ready(): boolean {
    return (
      !this.#health.suspect || (this.#pending === 0 && !this.#health.restsAt(performance.now()))
    );
  }

  /** For how long mails would be turned away; 0 if they would not. */
  get restMs(): number {
    return this.#sessions.size + this.#opening === 0 ? this.#reach.leftMs(performance.now()) : 0;
  }

  /** Ends its rest: it is to be tried. */
  wake(): void {
    this.#health.succeeded();
    this.#reach.succeeded();
  }

  /** Never rejects. */
  send(mail: Mail): Promise<ProviderResult> {
    return new Promise((resolve) => {
      const now = performance.now();
      if (this.#pending === 0) this.#progressAtMs = now;
      this.#pending += 1;
      const done: Job["done"] = (result) => {
        this.#pending -= 1;
        this.#progressAtMs = performance.now();
        resolve(
          "fault" in result
            ? result
            : {
                attempt: this.#attemptOf(result.verdict, result.startedAt),
                unsupported: result.verdict.unsupported ?? false,
                standing: standingOf(result.verdict),
              },
        );
        if (this.#pending === 0) this.#drained();
      };
      const deadlineMs = now + this.#options.sendDeadlineMs;
      this.#queue.push({
        mail,
        done,
        startedAt: this.#options.clock(),
        deadlineMs,
        content: "",
        dotWritten: false,
        returned: false,
      });
      this.#pump(now);
    });
  }

  /** Finishes what was sent before, then ends all connections. Nothing may be sent after it. */
  async close(): Promise<void> {
    if (this.#pending > 0) await new Promise<void>((resolve) => (this.#drained = resolve));
    this.#closed = true;
    for (const session of this.#sessions) session.quit();
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  take(): Job | undefined {
    for (;;) {
      const job = this.#queue.shift();
      if (!job) return undefined;
      const now = performance.now();
      job.startedAt = this.#options.clock();
      // One that comes back keeps its deadline, or a server that hangs up on everyone could keep it for ever.
      if (!job.returned) job.deadlineMs = now + this.#options.sendDeadlineMs;
      try {
        if (job.content === "") job.content = job.mail.content();
        return job;
      } catch (fault) {
        job.done({ fault });
      }
    }
  }

  settle(job: Job, verdict: Verdict): void {
    if (verdict.failure === "timeout" || verdict.failure === "auth")
      this.#failed(this.#health, { failure: verdict.failure, message: verdict.response ?? "" });
    // Any answer of its own shows that it is there.
    else if (
      verdict.failure === null ||
      verdict.failure === "smtp_4xx" ||
      verdict.failure === "smtp_5xx"
    )
      this.#health.succeeded();
    this.#tell(verdict);
    job.done({ verdict, startedAt: job.startedAt });
  }

  giveBack(job: Job, loss: Loss): void {
    // A server may hang up on a connection that was idle just as it is used: that is no failure, once.
    if (job.returned) return this.settle(job, transient(loss));
    job.returned = true;
    this.#queue.unshift(job);
    // Once the session is done with all it held.
    queueMicrotask(() => this.#pump(performance.now()));
  }

  ended(session: SmtpSession): void {
    this.#sessions.delete(session);
  }

  #pump(now: number): void {
    for (const session of this.#sessions) {
      if (this.#queue.length === 0) break;
      if (session.idle) session.start(now);
    }
    if (
      this.#queue.length > 0 &&
      this.#reach.restsAt(now) &&
      this.#sessions.size + this.#opening === 0
    )
      this.#turnAway();
    else this.#open(now);
    for (const session of this.#sessions) {
      if (this.#queue.length <= this.#opening) break;
      if (session.canRide) session.start(now);
    }
    this.#timer ??= setInterval(
      () => this.#tick(),
      Math.min(250, Math.max(5, this.#options.sendDeadlineMs / 20)),
    );
  }

  #open(now: number): void {
    if (this.#reach.restsAt(now)) return;
    const wanted = Math.min(
      this.#queue.length,
      this.#reach.suspect ? 1 : Infinity,
      this.connections - this.#sessions.size,
    );
    while (this.#opening < wanted) {
      this.#opening += 1;
      void this.#openOne();
    }
  }

  async #openOne(): Promise<void> {
    const { settings, from, sendDeadlineMs } = this.#options;
    try {
      const connection = await openConnection(settings, sendDeadlineMs);
      this.#reach.succeeded();
      const session = new SmtpSession(connection, from, this, performance.now());
      this.#sessions.add(session);
      if (this.#closed) session.quit();
    } catch (error) {
      const loss: Loss =
        error instanceof ConnectError
          ? error.loss
          : {
              failure: "connection",
              message: error instanceof Error ? error.message : String(error),
            };
      this.#failed(this.#reach, loss);
      if (this.#sessions.size === 0) this.#failed(this.#health, loss);
      this.#tell(transient(loss));
    } finally {
      this.#opening -= 1;
    }
    if (!this.#closed) this.#pump(performance.now());
  }

  #failed(period: RestPeriod, loss: Loss): void {
    this.#lastLoss = loss;
    const { logger, settings } = this.#options;
    if (period === this.#health && !period.suspect) {
      logger?.warn(
        { provider: settings.name, failure: loss.failure },
        "the provider failed: others are preferred for a while",
      );
    }
    period.failed(performance.now());
  }

  /** Tells the breaker, or the gate, what was heard from the server. Of mails that were turned away it was told before. */
  #tell(verdict: Verdict): void {
    const { breaker, gate, clock } = this.#options;
    switch (standingOf(verdict)) {
      case "answered":
        return breaker.succeeded();
      case "failed":
        return breaker.failed(this.reasonOf(verdict));
      case "neither": {
        const delayMs = smtpRetryAfterMs(verdict.response ?? "");
        if (delayMs !== null) gate.shut(clock() + delayMs, this.reasonOf(verdict));
      }
    }
  }

  /** A failure in a line for operators: without credentials or addresses. */
  reasonOf({ failure, response }: { failure: AttemptFailure | null; response: string | null }) {
    const text = withoutAddresses(this.#presentable(response ?? ""));
    return `${failure}: ${text}`.slice(0, reasonLimit);
  }

  #turnAway(): void {
    for (const job of this.#queue.splice(0))
      job.done({ verdict: transient(this.#lastLoss), startedAt: job.startedAt });
  }

  /** One coarse timer instead of one a mail: deadlines are kept to a twentieth. */
  #tick(): void {
    const now = performance.now();
    const { sendDeadlineMs } = this.#options;
    for (const session of this.#sessions) {
      session.checkDeadline(now, sendDeadlineMs);
      if (session.idle && now - session.idleSinceMs! > idleLimitMs) session.quit();
    }
    if (this.#queue.some((job) => now >= job.deadlineMs)) {
      const overdue = this.#queue.filter((job) => now >= job.deadlineMs);
      this.#queue = this.#queue.filter((job) => now < job.deadlineMs);
      for (const job of overdue)
        job.done({
          verdict: transient({
            failure: "timeout",
            message: `no connection was free within ${sendDeadlineMs} ms`,
          }),
          startedAt: job.startedAt,
        });
    }
    const { stallMs } = this.#options;
    if (stallMs !== null && this.#queue.length > 0 && now - this.#progressAtMs >= stallMs) {
      const message = `the server has finished nothing for ${stallMs} ms`;
      const loss: Loss = { failure: "timeout", message };
      this.#failed(this.#health, loss);
      this.#tell(transient(loss));
      this.#turnAway();
    }
    if (this.#queue.length > 0) this.#pump(now);
    if (this.#pending === 0 && this.#sessions.size === 0 && this.#opening === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }

  #attemptOf({ outcome, failure, response }: Verdict, startedAt: number): Attempt {
    const { settings, clock } = this.#options;
    return {
      provider: settings.name,
      outcome,
      failure,
      response: response && this.#presentable(response).slice(0, responseLimit),
      startedAt: new Date(startedAt),
      finishedAt: new Date(clock()),
    };
  }

  /** A server may say anything; the ledger keeps text. */
  #presentable(response: string): string {
    return withoutCredentials(response, this.#options.settings).replaceAll(/\p{Cc}+/gu, " ");
  }
}

/**
 * A provider that asks to be left alone has not failed: its gate is shut instead. A mail that it cannot take at all was not handed
 * to it.
 */
function standingOf({ failure, response, unsupported }: Verdict): Standing {
  if (unsupported) return "neither";
  if (!isProviderFault(failure, response)) return "answered";
  return failure === "smtp_4xx" && smtpRetryAfterMs(response ?? "") !== null ? "neither" : "failed";
}

const transient = ({ failure, message }: Loss): Verdict => ({
  outcome: "transient",
  failure,
  response: message,
});
