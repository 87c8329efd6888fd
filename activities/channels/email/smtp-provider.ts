import type { Attempt } from "../../../domain/delivery/attempt.ts";
import type { ProviderSignal } from "../admission.ts";
import { ConnectError, openConnection } from "./smtp-connect.ts";
import { describeFailure, recordAttempt } from "./smtp-evidence.ts";
import { ProviderHealth, type HealthOptions } from "./smtp-health.ts";
import type { Deadlines } from "./smtp-deadlines.ts";
import type { Job, Loss, Mail, Verdict } from "./smtp-job.ts";
import type { SessionOwner } from "./smtp-owner.ts";
import { MailQueue } from "./smtp-queue.ts";
import { SmtpSession } from "./smtp-session.ts";
import { judgeLoss } from "./smtp-verdicts.ts";

/** A server is left alone when it has had nothing to do for so long, as an emptied queue is; they commonly hang up themselves after minutes. */
const idleLimitMs = 60_000;

/** How long servers have for their answers when all connections are to end. */
const closeMs = 20_000;

/** For how long no more connections are opened than a server took: where it said so, and where chance may have had it. */
const limitMs = 60_000;
const chanceMs = 5_000;

/**
 * What became of a mail at one provider. `fault` is what making it threw; `turnedAway`: the server takes nothing for a while.
 * In both cases nothing was handed over.
 */
export type ProviderResult =
  | { attempt: Attempt; unsupported: boolean; signal: ProviderSignal }
  | { fault: unknown }
  | { turnedAway: true };

interface Options extends HealthOptions {
  /** How long a server may take for one step until a mail's final dot, and how long a mail waits for a free connection. */
  sendDeadlineMs: number;
  /** From the final dot to its reply. */
  answerDeadlineMs: number;
  /**
   * Where there are others: how long mails may wait for a server that is at work and finishes nothing. Then they are turned
   * away, and it is suspect. What it was handed keeps its deadline.
   */
  stallMs: number | null;
}

/**
 * An SMTP server and the connections kept to it: opened as there is work for them, closed when idle. One that could not be
 * reached or did not answer in time is suspect, and rests for a moment; while it rests and no connection to it stands, mails
 * are turned away at once.
 */
export class SmtpProvider implements SessionOwner<SmtpSession> {
  readonly mailsPerConnection: number | null;
  readonly #options: Options;
  readonly #queue: MailQueue;
  readonly #health: ProviderHealth;
  readonly #sessions = new Set<SmtpSession>();
  readonly #deadlines: Deadlines;
  #opening = 0;
  /** Why those could not be opened that were tried together with others. */
  #unopened: Loss[] = [];
  /** So many connections the server took when it refused another. */
  #limit = { connections: Number.POSITIVE_INFINITY, untilMs: 0 };
  /** Mails that have no result yet. */
  #pending = 0;
  /** When it last finished a mail, or got one after having none. */
  #progressAtMs = 0;
  #timer: NodeJS.Timeout | undefined;
  /** Monotonic: when it was told to close. */
  #closingSinceMs = Number.POSITIVE_INFINITY;
  #closed = false;
  #drained: () => void = () => {};

  constructor(options: Options) {
    this.#options = options;
    this.mailsPerConnection = options.settings.messages;
    const { sendDeadlineMs, answerDeadlineMs, stallMs, clock } = options;
    this.#queue = new MailQueue({
      waitMs: sendDeadlineMs,
      clock,
      retry: () => this.#pump(performance.now()),
    });
    this.#deadlines = {
      stepMs: sendDeadlineMs,
      answerMs: answerDeadlineMs,
      rideMs: stallMs ?? sendDeadlineMs,
    };
    this.#health = new ProviderHealth(options);
  }

  /** False where another provider should be preferred. A suspect one that has rested gets one mail, to see. */
  get ready(): boolean {
    const { preference } = this.#health;
    return !preference.suspect || (this.#pending === 0 && !preference.restsAt(performance.now()));
  }

  /** For how long mails would be turned away; 0 if they would not. */
  get restMs(): number {
    return this.#disconnected ? this.#health.reach.leftMs(performance.now()) : 0;
  }

  get #disconnected(): boolean {
    return this.#sessions.size + this.#opening === 0;
  }

  /** Ends its rest: it is to be tried. */
  wake(): void {
    this.#health.wake();
  }

  /** A failure in a line for operators: without credentials or addresses. */
  describeFailure(attempt: Pick<Attempt, "failure" | "response">): string {
    return describeFailure(attempt, this.#options.settings);
  }

  /** Never rejects. */
  send(mail: Mail): Promise<ProviderResult> {
    if (this.#closed) return Promise.resolve({ turnedAway: true });
    return new Promise((resolve) => {
      const now = performance.now();
      if (this.#pending === 0) this.#progressAtMs = now;
      this.#pending += 1;
      const done: Job["done"] = (result) => {
        this.#pending -= 1;
        this.#progressAtMs = performance.now();
        resolve("verdict" in result ? this.#report(result.verdict, result.startedAt) : result);
        if (this.#pending === 0) this.#drained();
      };
      this.#queue.add(mail, done, now);
      this.#pump(now);
    });
  }

  /**
   * Finishes what was sent before, for as long as servers have for it, then ends all connections. What has no answer by then ends as
   * far as it came. It takes nothing after it.
   */
  async close(): Promise<void> {
    this.#closingSinceMs = performance.now();
    if (this.#pending > 0) await new Promise<void>((resolve) => (this.#drained = resolve));
    this.#closed = true;
    for (const session of this.#sessions) session.quit();
    this.#stopTimer();
  }

  take(isNew: boolean): Job | undefined {
    // Where the server takes no more connections, any must do.
    return this.#queue.take(isNew || performance.now() < this.#limit.untilMs);
  }

  settle(job: Job, verdict: Verdict): void {
    job.done({ verdict: this.#health.judge(verdict), startedAt: job.startedAt });
  }

  giveBack(job: Job, loss: Loss, needsNew = false): void {
    if (this.#closed) return this.turnAway(job);
    const verdict = judgeLoss(loss);
    if (verdict.signal === "rest") {
      this.#health.noteRest(loss);
      return this.turnAway(job);
    }
    // A server may hang up on a connection that was idle just as it is used: that is no failure, once.
    if (job.returned) return this.settle(job, verdict);
    job.returned = true;
    job.needsNew = needsNew;
    this.#queue.putBack(job);
  }

  turnAway(job: Job): void {
    job.done({ turnedAway: true });
  }

  ended(session: SmtpSession): void {
    this.#sessions.delete(session);
    // Once the session is done with all it held: what waited for it, or comes back from it, needs another.
    queueMicrotask(() => {
      if (this.#queue.length > 0) this.#pump(performance.now());
    });
  }

  #report(verdict: Verdict, startedAt: number): ProviderResult {
    const { settings, clock } = this.#options;
    return {
      attempt: recordAttempt(verdict, settings, { startedAt, finishedAt: clock() }),
      unsupported: verdict.unsupported ?? false,
      signal: verdict.signal,
    };
  }

  #pump(now: number): void {
    for (const session of this.#sessions) {
      if (this.#queue.length === 0) break;
      if (session.idle) session.start(now);
    }
    if (this.#queue.length === 0) return this.#startTimer();
    // Mails wait beside it for their gates, or for a connection that is new.
    const idle = [...this.#sessions].find((session) => session.idle);
    if (this.#health.reach.restsAt(now) && this.#disconnected) this.#turnAway();
    else if (!idle || this.#queue.awaitsNew) this.#open(now);
    // What needs a new connection gets the room of one that has nothing to do.
    if (idle && this.#opening === 0 && this.#queue.awaitsNew) idle.quit();
    for (const session of this.#sessions) {
      if (this.#queue.length <= this.#opening) break;
      if (session.canRide) session.start(now);
    }
    this.#startTimer();
  }

  #open(now: number): void {
    const { reach } = this.#health;
    // While some could not be opened, others that are being opened tell why.
    if (reach.restsAt(now) || this.#unopened.length > 0) return;
    const wanted = Math.min(
      this.#queue.connectionsWanted,
      reach.suspect ? 1 : Infinity,
      this.#connectionsAt(now) - this.#sessions.size,
    );
    while (this.#opening < wanted) {
      this.#opening += 1;
      void this.#openOne();
    }
  }

  #connectionsAt(now: number): number {
    const { connections } = this.#options.settings;
    return now < this.#limit.untilMs ? Math.min(connections, this.#limit.connections) : connections;
  }

  async #openOne(): Promise<void> {
    const { settings, sendDeadlineMs } = this.#options;
    try {
      const connection = await openConnection(settings, sendDeadlineMs);
      this.#health.reach.succeeded();
      const session = new SmtpSession(connection, this, performance.now());
      this.#sessions.add(session);
      if (this.#closed) session.quit();
    } catch (error) {
      this.#unopened.push(describeLoss(error));
    } finally {
      this.#opening -= 1;
    }
    this.#judgeOpenings(performance.now());
    if (!this.#closed) this.#pump(performance.now());
  }

  /** A server to which some connections stand takes no more of them; one to which none can be opened is out of reach. */
  #judgeOpenings(now: number): void {
    if (this.#unopened.length === 0) return;
    const { size } = this.#sessions;
    if (size > 0) {
      const isSaid = this.#unopened.some(({ tooMany }) => tooMany);
      this.#limit = { connections: size, untilMs: now + (isSaid ? limitMs : chanceMs) };
      const { logger, settings } = this.#options;
      logger?.info(
        { provider: settings.name, connections: size },
        "the provider takes no more connections for now",
      );
    } else if (this.#opening > 0) return;
    else for (const loss of this.#unopened) this.#health.noteUnreachable(loss);
    this.#unopened = [];
  }

  /** Where the server itself asks for it, that is no attempt. */
  #turnAway(): void {
    const { lastLoss } = this.#health;
    const verdict = judgeLoss(lastLoss);
    const asked = lastLoss.tooMany || verdict.signal === "rest";
    for (const job of this.#queue.removeAll())
      job.done(asked ? { turnedAway: true } : { verdict, startedAt: job.startedAt });
  }

  /** One coarse timer instead of one a mail: deadlines are kept to a twentieth. */
  #startTimer(): void {
    this.#timer ??= setInterval(
      () => this.#tick(),
      Math.min(250, Math.max(5, Math.min(...Object.values(this.#deadlines)) / 20)),
    );
  }

  #stopTimer(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #tick(): void {
    const now = performance.now();
    this.#checkSessions(now);
    this.#expireQueue(now);
    this.#checkStall(now);
    if (now - this.#closingSinceMs >= closeMs) this.#breakOff();
    if (this.#queue.length > 0) this.#pump(now);
    if (this.#pending === 0 && this.#disconnected) this.#stopTimer();
  }

  #checkSessions(now: number): void {
    for (const session of this.#sessions) {
      session.checkDeadlines(now, this.#deadlines);
      if (session.idle && now - session.idleSinceMs! > idleLimitMs) session.quit();
    }
  }

  #expireQueue(now: number): void {
    // What is being opened has deadlines of its own, and what waits for it goes over it or hears why it cannot.
    if (this.#opening > 0) return;
    const overdue = this.#queue.removeOverdue(now);
    if (overdue.length === 0) return;
    // A server that takes its time with others has not failed these.
    const isBusy = [...this.#sessions].some(({ awaitsAnswer }) => awaitsAnswer);
    const message = `no connection was free within ${this.#options.sendDeadlineMs} ms`;
    const verdict = judgeLoss({ failure: "timeout", message });
    for (const job of overdue)
      job.done(isBusy ? { turnedAway: true } : { verdict, startedAt: job.startedAt });
  }

  /** Ends what is still under way when all connections are to end. */
  #breakOff(): void {
    this.#closed = true;
    for (const job of this.#queue.removeAll()) this.turnAway(job);
    const message = "the worker stopped before the server had answered";
    for (const session of this.#sessions) session.end({ failure: "interrupted", message });
  }

  #checkStall(now: number): void {
    const { stallMs } = this.#options;
    if (stallMs === null || this.#queue.length === 0) return;
    if (now - this.#progressAtMs < stallMs) return;
    const message = `the server has finished nothing for ${stallMs} ms`;
    this.#health.noteStall({ failure: "timeout", message });
    this.#turnAway();
  }
}

function describeLoss(error: unknown): Loss {
  if (error instanceof ConnectError) return error.loss;
  return {
    failure: "connection",
    message: error instanceof Error ? error.message : String(error),
  };
}
