import type { Connection } from "./smtp-connect.ts";
import { Content } from "./smtp-content.ts";
import { CommandWriter } from "./smtp-commands.ts";
import type { Deadlines } from "./smtp-deadlines.ts";
import { Envelope } from "./smtp-envelope.ts";
import { joinMessage, type Job, type Loss, type Verdict } from "./smtp-job.ts";
import { settleLost, takeSupported, type SessionOwner } from "./smtp-owner.ts";
import type { Reply } from "./smtp-replies.ts";
import {
  judgeAcceptance,
  judgeLoss,
  judgeRefusal,
  mayBeOfConnection,
  type Refusal,
} from "./smtp-verdicts.ts";
import { SmtpWire } from "./smtp-wire.ts";

/**
 * Node may not have passed a content longer than this to the kernel when `write` returns, so it is written in blocks, and its
 * final dot after them.
 */
const oneWriteLimit = 32_768;
const blockLength = 65_536;

/**
 * An SMTP conversation over a kept connection, with at most one unanswered content. If the server advertises PIPELINING (RFC
 * 2920), a mail's envelope is one group, and the envelope of the next mail rides in the write that ends the content before it.
 * Otherwise every command waits for its reply.
 *
 * A mail is `sent` only by the reply to its final dot, read after its content was written in full. A server may be one reply
 * off, because it sent a reply twice, unasked or not at all. Replies do not name their commands, so that such an error shows at
 * the latest at DATA, to which only 354 is a positive reply (RFC 5321, 4.3.2). Until then nothing of the next mail is written
 * that the server could accept, and the previous mail does not become `sent` while an envelope rides behind it. A reply out of
 * turn ends the connection.
 */
export class SmtpSession {
  /** When the session became idle; null while it is not. Monotonic. */
  idleSinceMs: number | null;
  readonly #wire: SmtpWire;
  readonly #pipelining: boolean;
  readonly #smtpUtf8: boolean;
  readonly #commands: CommandWriter;
  readonly #owner: SessionOwner<SmtpSession>;
  /** Replies to the content precede those to the envelope. */
  readonly #content = new Content();
  readonly #envelope = new Envelope();
  /** When the server last replied or took a block, or got a command after a rest. Monotonic. */
  #movedAtMs: number;
  /** When the envelope behind a content was written. Monotonic. */
  #ridingSinceMs = 0;
  /** A mail that was accepted while an envelope rode behind it, and its verdict, which becomes final once that envelope is answered. */
  #accepted: Job | null = null;
  #acceptance: Verdict | null = null;
  /** The number of mails whose envelopes were begun, and of those that the server accepted. */
  #begun = 0;
  #taken = 0;
  /** True if a refused envelope is still open at the server, which would then refuse the next one. */
  #resetDue = false;
  #ended = false;

  constructor(connection: Connection, owner: SessionOwner<SmtpSession>, now: number) {
    this.#pipelining = connection.pipelining;
    this.#smtpUtf8 = connection.smtpUtf8;
    this.#owner = owner;
    this.idleSinceMs = now;
    this.#movedAtMs = now;
    this.#wire = new SmtpWire(connection.socket, {
      onReply: (reply, asked) => this.#onReply(reply, asked),
      onLoss: (loss) => this.end(loss),
    });
    this.#commands = new CommandWriter(this.#wire, connection);
  }

  get idle(): boolean {
    return !this.#ended && this.idleSinceMs !== null;
  }

  /** True if the envelope of a mail may be written while the content before it waits for its reply. */
  get canRide(): boolean {
    const { job } = this.#content;
    return (
      !this.#ended &&
      !this.#isFull &&
      this.#pipelining &&
      job !== null &&
      job.dotWritten &&
      this.#envelope.job === null
    );
  }

  /** True if a content was written to its end and has no reply yet. */
  get awaitsAnswer(): boolean {
    return !this.#ended && (this.#content.job?.dotWritten ?? false);
  }

  /** True if the session has carried as many mails as it may. */
  get #isFull(): boolean {
    const { mailsPerConnection } = this.#owner;
    return mailsPerConnection !== null && this.#begun >= mailsPerConnection;
  }

  /** Takes the next mail. `idle` or `canRide` must be true. */
  start(now: number): void {
    this.idleSinceMs = null;
    const job = this.#takeNext();
    if (job) this.#beginEnvelope(job, now);
    else if (this.#content.job === null) {
      this.idleSinceMs = now;
      if (this.#isFull) this.quit();
    }
  }

  /**
   * Ends the connection if the server has exceeded a deadline. A mail whose envelope only rides goes elsewhere. It is turned away first, because a
   * mail that is given back would wait for this server once more.
   */
  checkDeadlines(now: number, { stepMs, answerMs, rideMs }: Deadlines): void {
    if (this.#ended || this.idle) return;
    if (this.#isRiding && now - this.#ridingSinceMs >= rideMs) {
      this.#envelope.abandoned = true;
      this.#owner.turnAway(this.#envelope.job!);
    }
    const limitMs = this.awaitsAnswer ? answerMs : stepMs;
    if (now - this.#movedAtMs < limitMs) return;
    const message = `${this.#describeWait()} within ${limitMs} ms`;
    const loss: Loss = { failure: "timeout", message };
    // The missing reply may be the one to the final dot.
    if (this.#envelope.refusal) this.#doubtAcceptance(loss);
    this.end(loss, this.#content.job ?? this.#envelope.job ?? undefined);
  }

  /** True if a mail that could go elsewhere waits for the reply to the content before it. */
  get #isRiding(): boolean {
    return this.awaitsAnswer && this.#envelope.job !== null && !this.#envelope.abandoned;
  }

  #describeWait(): string {
    const { job, refusal } = this.#content;
    if (job === null) return `no answer to ${this.#envelope.command}`;
    return job.dotWritten || refusal
      ? "no answer to the final dot"
      : "the content could not be written";
  }

  /** Sends QUIT. The session must be idle. */
  quit(): void {
    if (this.#ended) return;
    this.#wire.quit();
    this.#markEnded();
  }

  /** Ends the connection at once. `overdue` is the job whose answer is late: it is not given back. */
  end(loss: Loss, overdue?: Job): void {
    if (this.#ended) return;
    this.#wire.destroy();
    this.#markEnded();
    this.#confirmAcceptance();
    const { abandoned } = this.#envelope;
    for (const part of [this.#content, this.#envelope]) {
      const { job, refusal } = part;
      part.clear();
      if (!job || (abandoned && part === this.#envelope)) continue;
      const isOfConnection = refusal !== null && this.#mayBeOfConnection(refusal, job);
      settleLost(this.#owner, job, {
        refusal: isOfConnection ? null : refusal,
        loss,
        overdue,
        needsNew: isOfConnection || (loss.failure === "smtp_4xx" && this.#taken > 0),
      });
    }
  }

  /**
   * Ends the connection because of a reply that cannot answer the command that is next. From the last 354 on, it is unclear
   * which reply belongs to which command, and hence which mail was refused. A mail whose envelope is open was not accepted in
   * any case, and is given back. The mail before it was accepted if all replies since its dot are positive, since its own is
   * among them. Otherwise its outcome is unknown.
   */
  #breakOff(reply: Reply, when: string): void {
    const loss: Loss = {
      failure: "connection",
      message: `the server spoke out of turn ${when}: ${reply.text}`,
    };
    if (this.#envelope.refusal || reply.code >= 300) this.#doubtAcceptance(loss);
    this.#envelope.refusal = null;
    this.end(loss);
  }

  #markEnded(): void {
    this.#ended = true;
    this.idleSinceMs = null;
    this.#owner.noteEnd(this);
  }

  #takeNext(): Job | undefined {
    if (this.#isFull) return undefined;
    return takeSupported(this.#owner, { smtpUtf8: this.#smtpUtf8, isNew: this.#begun === 0 });
  }

  #beginEnvelope(job: Job, now: number): void {
    const first = this.#resetDue ? "RSET" : "MAIL";
    this.#resetDue = false;
    this.#begun += 1;
    this.#envelope.begin(job, first);
    if (this.#content.job === null) this.#movedAtMs = now;
    else this.#ridingSinceMs = now;
    if (this.#pipelining) this.#commands.writeEnvelope(job, first);
    else this.#commands.writeCommand(job, first);
  }

  #onReply(reply: Reply, asked: boolean): void {
    if (this.#ended) return;
    this.#movedAtMs = performance.now();
    if (this.#content.job) this.#onContentReply(this.#content.job, reply, asked);
    // RFC 5321, 3.8: 421 may replace any reply, at any time, and the server closes after it.
    else if (reply.code === 421) this.end({ failure: "smtp_4xx", message: reply.text });
    else if (asked && this.#envelope.job) this.#onEnvelopeReply(this.#envelope.job, reply);
    else this.#breakOff(reply, this.#envelope.job ? `after ${this.#envelope.command}` : "at rest");
  }

  #onContentReply(job: Job, reply: Reply, asked: boolean): void {
    const step = this.#content.judge(reply, asked);
    if (step === "unexpected") return this.#breakOff(reply, "after the content");
    const { refusal } = this.#content;
    this.#content.clear();
    if (step === "discarded") {
      this.#resetDue = true;
      if (this.#repeatOnNewConnection(refusal!, job)) return;
      this.#owner.settle(job, judgeRefusal(refusal!, job.mail));
    } else if (step === "accepted") {
      this.#taken += 1;
      const verdict = judgeAcceptance(reply);
      if (this.#envelope.job) {
        this.#accepted = job;
        this.#acceptance = verdict;
      } else this.#owner.settle(job, verdict);
    } else {
      this.#owner.settle(job, judgeRefusal({ ...reply, phase: "content" }, job.mail));
    }
    if (step === "refused_early" || reply.code === 421)
      this.end({ failure: "connection", message: reply.text });
    else if (this.#envelope.job === null) this.start(this.#movedAtMs);
  }

  #onEnvelopeReply(job: Job, reply: Reply): void {
    const { command } = this.#envelope;
    switch (this.#envelope.advance(reply)) {
      case "unexpected":
        return this.#breakOff(reply, `after ${command}`);
      case "refused":
        return this.#onRefused(job);
      case "go_ahead":
        return this.#onGoAhead(job);
      case "addressed":
        if (this.#envelope.refusal || this.#envelope.abandoned) this.#onRefused(job);
        else this.#commands.writeCommand(job, "DATA");
        return;
      case "next":
        if (this.#pipelining) return;
        if (this.#envelope.refusal) this.#onRefused(job);
        else this.#commands.writeCommand(job, this.#envelope.command, this.#envelope.place);
    }
  }

  #onRefused(job: Job): void {
    const { abandoned } = this.#envelope;
    const refusal = this.#envelope.refusal!;
    this.#envelope.clear();
    this.#resetDue = true;
    this.#confirmAcceptance();
    if (!abandoned) {
      if (this.#repeatOnNewConnection(refusal, job)) return;
      this.#owner.settle(job, judgeRefusal(refusal, job.mail));
    }
    this.start(this.#movedAtMs);
  }

  /**
   * Repeats a mail on a new connection if the refusal may concern only this one. Servers end a series of mails over one
   * connection with any code. If a server that has accepted mails refuses one for its own reasons, or because of the client, the
   * mail is handed over once more, on a new connection. A refusal there is final.
   */
  #repeatOnNewConnection(refusal: Refusal, job: Job): boolean {
    if (!this.#mayBeOfConnection(refusal, job)) return false;
    const loss: Loss = { failure: "connection", message: refusal.text };
    this.#owner.giveBack(job, loss, true);
    this.end(loss);
    return true;
  }

  #mayBeOfConnection(refusal: Refusal, job: Job): boolean {
    return this.#taken > 0 && !job.returned && mayBeOfConnection(refusal, job.mail);
  }

  #onGoAhead(job: Job): void {
    const { refusal, abandoned } = this.#envelope;
    // The server would take any text for a mail: only the end of the connection stops it (RFC 5321, 4.1.1.10).
    if (abandoned) return this.end({ failure: "connection", message: "the mail went elsewhere" });
    this.#envelope.clear();
    this.#content.begin(job, refusal);
    this.#confirmAcceptance();
    // RFC 2920, 3.1: a content without recipients is ended at once.
    if (refusal) return this.#commands.writeEnd(job, "", undefined);
    const content = joinMessage(job.message!);
    const { tail } = job.message!;
    if (tail === undefined && content.length <= oneWriteLimit) this.#endContent(job, content);
    else
      this.#writeBlocks(job, this.#commands.encode(job, content), tail === undefined ? [] : [tail]);
  }

  #writeBlocks(job: Job, part: Buffer, later: readonly Buffer[]): void {
    this.#commands.writeBlock(part.subarray(0, blockLength), (error) => {
      if (error || this.#ended || this.#content.job !== job) return;
      this.#movedAtMs = performance.now();
      const [next, ...rest] = later;
      if (part.length > blockLength) this.#writeBlocks(job, part.subarray(blockLength), later);
      else if (next) this.#writeBlocks(job, next, rest);
      else this.#endContent(job, "");
    });
  }

  /** Writes the rest of the content, its end and the envelope of the next mail. */
  #endContent(job: Job, rest: string): void {
    job.dotWritten = true;
    const rider = this.#pipelining ? this.#takeNext() : undefined;
    if (rider) {
      this.#begun += 1;
      this.#envelope.begin(rider, "MAIL");
      this.#ridingSinceMs = this.#movedAtMs;
    }
    this.#commands.writeEnd(job, rest, rider, this.#content.noteWritten);
  }

  /** Notes that the reply that was taken for the one to the final dot may have answered another command. */
  #doubtAcceptance(loss: Loss): void {
    this.#acceptance = judgeLoss(loss, "unknown");
  }

  /** Settles the accepted mail, once the replies are known to be in step or the connection has ended. */
  #confirmAcceptance(): void {
    const job = this.#accepted;
    if (job === null) return;
    this.#accepted = null;
    this.#owner.settle(job, this.#acceptance!);
  }
}
