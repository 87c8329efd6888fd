import type { Connection } from "./smtp-connect.ts";
import type { Job, Loss, Verdict } from "./smtp-job.ts";
import { createReplyReader, type Reply } from "./smtp-replies.ts";

/** Who gives a session its work and hears what became of it. */
export interface SessionOwner {
  /** The next mail for a session, its content made; undefined if none waits. */
  take(): Job | undefined;
  settle(job: Job, verdict: Verdict): void;
  /** The server surely has not got the whole of it: it may go over another connection. */
  giveBack(job: Job, loss: Loss): void;
  /** It will take no more work. What it held was settled or given back. */
  ended(session: SmtpSession): void;
}

/** Content longer than this is not known to be on its way when `write` returns: its final dot waits until it is. */
const oneWriteLimit = 32_768;

const step = { mail: 0, rcpt: 1, data: 2 } as const;
type Step = (typeof step)[keyof typeof step];

/**
 * An SMTP conversation over a kept connection: one mail's content unanswered at most. Where the server advertises PIPELINING
 * (RFC 2920), a mail's envelope is one group, and that of the next mail rides in the write that ends the content before it; else every
 * command waits for its reply.
 */
export class SmtpSession {
  /** Monotonic: since when it has had nothing to do; null while it has. */
  idleSinceMs: number | null;
  #socket: Connection["socket"];
  #pipelining: boolean;
  #smtpUtf8: boolean;
  #from: string;
  #owner: SessionOwner;
  #ended = false;
  /** Its content is being written or waits for the reply; replies to it come before those to `#envelope`. */
  #content: Job | null = null;
  /** Its envelope waits for the reply to `#step`. */
  #envelope: Job | null = null;
  #step: Step = step.mail;
  /** The first reply that refused the envelope. */
  #refusal: Reply | null = null;
  /** An empty content was ended because the server asked for one after it had refused the envelope. */
  #discarding = false;
  /** A refused envelope stays open at the server, which would then refuse the next. */
  #resetDue = false;
  #resetting = false;

  /** `from` is the reverse path. */
  constructor(connection: Connection, from: string, owner: SessionOwner, now: number) {
    this.#socket = connection.socket;
    this.#pipelining = connection.pipelining;
    this.#smtpUtf8 = connection.smtpUtf8;
    this.#from = from;
    this.#owner = owner;
    this.idleSinceMs = now;
    const read = createReplyReader((reply) => this.#onReply(reply));
    this.#socket.on("data", (chunk: Buffer) => {
      if (this.#ended) return;
      try {
        read(chunk);
      } catch (error) {
        this.end({
          failure: "connection",
          message: error instanceof Error ? error.message : String(error),
        });
      }
    });
    this.#socket.on("error", (error) =>
      this.end({ failure: "connection", message: error.message }),
    );
    this.#socket.on("close", () =>
      this.end({ failure: "connection", message: "the server closed the connection" }),
    );
    this.#socket.on("end", () =>
      this.end({ failure: "connection", message: "the server closed the connection" }),
    );
  }

  get idle(): boolean {
    return !this.#ended && this.idleSinceMs !== null;
  }

  /** May the envelope of a mail go out while the content before it waits for its reply? */
  get canRide(): boolean {
    return (
      !this.#ended &&
      this.#pipelining &&
      this.#content !== null &&
      this.#content.dotWritten &&
      this.#envelope === null
    );
  }

  /** Takes the next mail, where `idle` or `canRide` says so. */
  start(now: number): void {
    this.idleSinceMs = null;
    const job = this.#takeSupported();
    if (!job) {
      if (this.#content === null) this.idleSinceMs = now;
      return;
    }
    this.#envelope = job;
    this.#step = step.mail;
    this.#refusal = null;
    if (this.#pipelining) {
      this.#resetting = this.#resetDue;
      this.#resetDue = false;
      this.#write((this.#resetting ? "RSET\r\n" : "") + this.#envelopeOf(job), job);
    } else if (this.#resetDue) {
      this.#resetting = true;
      this.#resetDue = false;
      this.#write("RSET\r\n", job);
    } else {
      this.#write(this.#mailCommand(job), job);
    }
  }

  /** Gives up on a mail that has had no answer in time, and with it on the connection. */
  checkDeadline(now: number, sendDeadlineMs: number): void {
    const overdue = [this.#content, this.#envelope].find((job) => job && now >= job.deadlineMs);
    if (overdue)
      this.end({ failure: "timeout", message: `no answer within ${sendDeadlineMs} ms` }, overdue);
  }

  /** Says goodbye; for a session that is idle. */
  quit(): void {
    if (this.#ended) return;
    this.#socket.end("QUIT\r\n");
    const socket = this.#socket;
    const timer = setTimeout(() => socket.destroy(), 1_000);
    socket.once("close", () => clearTimeout(timer));
    this.#markEnded();
  }

  /** Ends the connection at once. `culprit` is the job that timed out: it is not given back. */
  end(loss: Loss, culprit?: Job): void {
    if (this.#ended) return;
    this.#socket.destroy();
    this.#markEnded();
    for (const job of [this.#content, this.#envelope]) {
      if (!job) continue;
      if (this.#refusal && (this.#discarding || job === this.#envelope))
        this.#owner.settle(job, verdictOf(this.#refusal));
      else if (job.dotWritten)
        this.#owner.settle(job, {
          outcome: "unknown",
          failure: loss.failure,
          response: loss.message,
        });
      else if (job === culprit)
        this.#owner.settle(job, {
          outcome: "transient",
          failure: loss.failure,
          response: loss.message,
        });
      else this.#owner.giveBack(job, loss);
    }
    this.#content = null;
    this.#envelope = null;
  }

  #markEnded(): void {
    this.#ended = true;
    this.idleSinceMs = null;
    this.#owner.ended(this);
  }

  #takeSupported(): Job | undefined {
    for (;;) {
      const job = this.#owner.take();
      if (!job?.mail.smtpUtf8 || this.#smtpUtf8) return job;
      this.#owner.settle(job, {
        outcome: "permanent",
        failure: "smtp_5xx",
        response: "the server does not take addresses beyond ASCII (no SMTPUTF8)",
        unsupported: true,
      });
    }
  }

  #onReply(reply: Reply): void {
    if (this.#ended) return;
    if (this.#content) this.#onContentReply(this.#content, reply);
    // 421 may come in place of any reply, and none comes after it (RFC 5321, 3.8).
    else if (reply.code === 421) this.end({ failure: "smtp_4xx", message: reply.text });
    else if (this.#resetting) this.#onResetReply(reply);
    else if (this.#envelope) this.#onEnvelopeReply(this.#envelope, reply);
    else
      this.end({ failure: "connection", message: `the server spoke out of turn: ${reply.text}` });
  }

  #onContentReply(job: Job, reply: Reply): void {
    const early = !job.dotWritten && !this.#discarding;
    if (reply.code < 400 && (early || reply.code >= 300))
      return this.end({
        failure: "connection",
        message: `the server spoke out of turn: ${reply.text}`,
      });
    this.#content = null;
    if (this.#discarding) {
      this.#owner.settle(job, verdictOf(this.#refusal!));
      this.#discarding = false;
      this.#refusal = null;
      this.#resetDue = true;
    } else {
      this.#owner.settle(job, verdictOf(reply));
    }
    // What is left of the content would be taken for commands.
    if (early || reply.code === 421) this.end({ failure: "connection", message: reply.text });
    else if (this.#envelope === null) this.start(performance.now());
  }

  #onResetReply(reply: Reply): void {
    this.#resetting = false;
    if (reply.code !== 250)
      return this.end({
        failure: "connection",
        message: `the server did not reset: ${reply.text}`,
      });
    if (!this.#pipelining && this.#envelope)
      this.#write(this.#mailCommand(this.#envelope), this.#envelope);
  }

  #onEnvelopeReply(job: Job, reply: Reply): void {
    if (this.#step === step.data) {
      if (reply.code === 354) return this.#onGoAhead(job);
      return this.#onRefused(job, this.#refusal ?? reply);
    }
    if (reply.code >= 300) this.#refusal ??= reply;
    if (this.#pipelining) {
      this.#step += 1;
    } else if (this.#refusal) {
      this.#onRefused(job, this.#refusal);
    } else {
      this.#step += 1;
      this.#write(this.#step === step.rcpt ? rcptCommand(job) : "DATA\r\n", job);
    }
  }

  #onRefused(job: Job, refusal: Reply): void {
    this.#envelope = null;
    this.#refusal = null;
    this.#resetDue = true;
    this.#owner.settle(job, verdictOf(refusal));
    this.start(performance.now());
  }

  #onGoAhead(job: Job): void {
    this.#envelope = null;
    this.#content = job;
    if (this.#refusal) {
      // RFC 2920, 3.1: a content without recipients is ended at once.
      this.#discarding = true;
      this.#socket.write(".\r\n");
    } else if (job.content.length > oneWriteLimit) {
      this.#socket.write(job.content, encodingOf(job), (error) => {
        if (!error && !this.#ended && this.#content === job) this.#endContent(job, "");
      });
    } else {
      this.#endContent(job, job.content);
    }
  }

  /** Writes the rest of the content, its end and, with it, the envelope of the next mail. */
  #endContent(job: Job, rest: string): void {
    job.dotWritten = true;
    const rider = this.#pipelining ? this.#takeSupported() : undefined;
    if (rider) {
      this.#envelope = rider;
      this.#step = step.mail;
      this.#write(`${rest}.\r\n${this.#envelopeOf(rider)}`, job.mail.smtpUtf8 ? job : rider);
    } else {
      this.#write(`${rest}.\r\n`, job);
    }
  }

  #write(text: string, job: Job): void {
    this.#socket.write(text, encodingOf(job));
  }

  #envelopeOf(job: Job): string {
    return `${this.#mailCommand(job)}${rcptCommand(job)}DATA\r\n`;
  }

  #mailCommand(job: Job): string {
    return `MAIL FROM:<${this.#from}>${job.mail.smtpUtf8 ? " SMTPUTF8" : ""}\r\n`;
  }
}

const rcptCommand = (job: Job) => `RCPT TO:<${job.mail.to}>\r\n`;

/** Everything is ASCII but for the mail that says otherwise; one byte a character is the quicker way. */
const encodingOf = (job: Job) => (job.mail.smtpUtf8 ? "utf8" : "latin1");

/** Replies that say that it is us, not the message, who must mend something before it can be taken. */
const authenticationCodes = new Set([530, 534, 535, 538]);

function verdictOf({ code, text }: Reply): Verdict {
  if (code < 300) return { outcome: "sent", failure: null, response: text };
  if (authenticationCodes.has(code))
    return { outcome: "transient", failure: "auth", response: text };
  if (code >= 500) return { outcome: "permanent", failure: "smtp_5xx", response: text };
  return { outcome: "transient", failure: "smtp_4xx", response: text };
}
