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

/** Connections are closed after this time without a mail, since servers commonly close idle ones after minutes. */
const idleLimitMs = 60_000;

/** How long servers have for their answers once all connections are to end. */
const closeMs = 20_000;

/** For how long no more connections are opened than a server accepted: where it named a limit, and where the failure may be chance. */
const limitMs = 60_000;
const chanceMs = 5_000;

/**
 * The result of a mail at one provider. `fault` is the error of composing it. `turnedAway` means that the server takes nothing
 * for a while. In both cases nothing was handed over.
 */
export type ProviderResult =
  | ({ attempt: Attempt; unsupported: boolean; signal: ProviderSignal } & Pick<
      Verdict,
      "copyRefusals" | "isOfDomain"
    >)
  | { fault: unknown }
  | { turnedAway: true };

interface Options extends HealthOptions {
  /** How long a server may take for one step until a mail's final dot, and how long a mail waits for a free connection. */
  sendDeadlineMs: number;
  /** The time from the final dot to its reply. */
  answerDeadlineMs: number;
  /**
   * How long mails may wait for a server that is busy and finishes nothing; null if there is no other provider. They are then
   * turned away, and the provider becomes suspect. Mails that were handed to it keep their deadline.
   */
  stallMs: number | null;
}

/**
 * An SMTP server and its connections, which are opened when there is work for them and closed when idle. A server that could not
 * be reached or did not answer in time is suspect, and rests for a moment. While it rests and has no connection, mails are
 * turned away at once.
 */
export class SmtpProvider implements SessionOwner<SmtpSession> {
  readonly mailsPerConnection: number | null;
  readonly #options: Options;
  readonly #queue: MailQueue;
  readonly #health: ProviderHealth;
  readonly #sessions = new Set<SmtpSession>();
  readonly #deadlines: Deadlines;
  #opening = 0;
  /** Why connections could not be opened that were tried together with others. */
  #unopened: Loss[] = [];
  /** The number of connections that the server had accepted when it refused another. */
  #limit = { connections: Number.POSITIVE_INFINITY, untilMs: 0 };
  /** The number of mails without a result. */
  #pending = 0;
  /** When the server last finished a mail, or received one after having none. */
  #progressAtMs = 0;
  #timer: NodeJS.Timeout | undefined;
  /** When `close` was called. Monotonic. */
  #closingSinceMs = Number.POSITIVE_INFINITY;
  #closed = false;
  #onDrained: () => void = () => {};

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

  /** False if another provider should be preferred. A suspect provider that has rested gets one mail as a test. */
  get ready(): boolean {
    const { preference } = this.#health;
    return (
      !preference.suspect || (this.#pending === 0 && !preference.isRestingAt(performance.now()))
    );
  }

  /** The milliseconds for which mails would be turned away; 0 if they would not be. */
  get restMs(): number {
    return this.#disconnected ? this.#health.reach.leftMs(performance.now()) : 0;
  }

  get #disconnected(): boolean {
    return this.#sessions.size + this.#opening === 0;
  }

  /** Ends the rest of the provider, so that it is tried. */
  wake(): void {
    this.#health.wake();
  }

  /** Describes a failure in a line for operators, without credentials or addresses. */
  describeFailure(attempt: Pick<Attempt, "failure" | "response">): string {
    return describeFailure(attempt, this.#options.settings);
  }

  /** Sends a mail. The promise never rejects. */
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
        if (this.#pending === 0) this.#onDrained();
      };
      this.#queue.add(mail, done, now);
      this.#pump(now);
    });
  }

  /**
   * Finishes earlier mails, for as long as servers have for it, then ends all connections. Mails without an answer by then end
   * where they are. Later mails are turned away.
   */
  async close(): Promise<void> {
    this.#closingSinceMs = performance.now();
    if (this.#pending > 0) await new Promise<void>((resolve) => (this.#onDrained = resolve));
    this.#closed = true;
    for (const session of this.#sessions) session.quit();
    this.#stopTimer();
  }

  take(isNew: boolean): Job | undefined {
    // While the server accepts no more connections, an old one has to do.
    return this.#queue.take(isNew || performance.now() < this.#limit.untilMs);
  }

  settle(job: Job, verdict: Verdict): void {
    const judged = this.#health.judge(verdict);
    const { copyRefusals, startedAt } = job;
    job.done({ verdict: copyRefusals ? { ...judged, copyRefusals } : judged, startedAt });
  }

  giveBack(job: Job, loss: Loss, needsNew = false): void {
    if (this.#closed) return this.turnAway(job);
    const verdict = judgeLoss(loss);
    if (verdict.signal === "rest") {
      this.#health.noteRest(loss);
      return this.turnAway(job);
    }
    // A server may close an idle connection just when it is used. The first time, that is no failure.
    if (job.returned) return this.settle(job, verdict);
    job.returned = true;
    job.needsNew = needsNew;
    this.#queue.putBack(job);
  }

  turnAway(job: Job): void {
    job.done({ turnedAway: true });
  }

  noteEnd(session: SmtpSession): void {
    this.#sessions.delete(session);
    // Only after the session has given back its mails, since those need another connection too.
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
      ...(verdict.isOfDomain && { isOfDomain: true as const }),
      ...(verdict.copyRefusals && { copyRefusals: verdict.copyRefusals }),
    };
  }

  #pump(now: number): void {
    for (const session of this.#sessions) {
      if (this.#queue.length === 0) break;
      if (session.idle) session.start(now);
    }
    if (this.#queue.length === 0) return this.#startTimer();
    // If a session is idle, the mails wait for their gates or for a new connection.
    const idle = [...this.#sessions].find((session) => session.idle);
    if (this.#health.reach.isRestingAt(now) && this.#disconnected) this.#turnAway();
    else if (!idle || this.#queue.awaitsNew) this.#open(now);
    // A mail that needs a new connection gets the place of an idle one.
    if (idle && this.#opening === 0 && this.#queue.awaitsNew) idle.quit();
    for (const session of this.#sessions) {
      if (this.#queue.length <= this.#opening) break;
      if (session.canRide) session.start(now);
    }
    this.#startTimer();
  }

  #open(now: number): void {
    const { reach } = this.#health;
    // After a failure, the connections that are still being opened show its cause.
    if (reach.isRestingAt(now) || this.#unopened.length > 0) return;
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
      this.#health.reach.noteSuccess();
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

  /**
   * Judges failed attempts to connect. If other connections stand, the server accepts no more of them; if there is none, it
   * cannot be reached.
   */
  #judgeOpenings(now: number): void {
    if (this.#unopened.length === 0) return;
    const { size } = this.#sessions;
    if (size > 0) {
      const isNamed = this.#unopened.some(({ tooMany }) => tooMany);
      this.#limit = { connections: size, untilMs: now + (isNamed ? limitMs : chanceMs) };
      const { logger, settings } = this.#options;
      logger?.info(
        { provider: settings.name, connections: size },
        "the provider accepts no more connections for now",
      );
    } else if (this.#opening > 0) return;
    else for (const loss of this.#unopened) this.#health.noteUnreachable(loss);
    this.#unopened = [];
  }

  /** Turns away all waiting mails. That is an attempt unless the server itself asked for a rest. */
  #turnAway(): void {
    const { lastLoss } = this.#health;
    const verdict = judgeLoss(lastLoss);
    const isRequested = lastLoss.tooMany || verdict.signal === "rest";
    for (const job of this.#queue.removeAll())
      job.done(isRequested ? { turnedAway: true } : { verdict, startedAt: job.startedAt });
  }

  /** One coarse timer instead of one for each mail: deadlines are accurate to a twentieth. */
  #startTimer(): void {
    this.#timer ??= setInterval(
      () => this.#checkDeadlines(),
      Math.min(250, Math.max(5, Math.min(...Object.values(this.#deadlines)) / 20)),
    );
  }

  #stopTimer(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #checkDeadlines(): void {
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
    // Connections that are being opened have deadlines of their own, and the waiting mails then use them or get the reason of the failure.
    if (this.#opening > 0) return;
    const overdue = this.#queue.removeOverdue(now);
    if (overdue.length === 0) return;
    // A server that is slow with other mails has not failed these.
    const isBusy = [...this.#sessions].some(({ awaitsAnswer }) => awaitsAnswer);
    const message = `no connection was free within ${this.#options.sendDeadlineMs} ms`;
    const verdict = judgeLoss({ failure: "timeout", message });
    for (const job of overdue)
      job.done(isBusy ? { turnedAway: true } : { verdict, startedAt: job.startedAt });
  }

  /** Ends the mails that are still under way when all connections are to end. */
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
