import type { Job } from "./smtp-job.ts";
import type { Reply } from "./smtp-replies.ts";
import { isAcceptance, isRefusal, type Refusal } from "./smtp-verdicts.ts";

/** The commands of an envelope in their order. RSET comes first if a refused envelope is still open. */
export type EnvelopeCommand = "RSET" | "MAIL" | "RCPT" | "DATA";

/**
 * The consequence of a reply: the next command follows (`next`); the recipient and all copies were answered, and DATA is to be written
 * if the recipient was accepted (`addressed`); the server asks for the content (`go_ahead`); all commands were answered and the mail was
 * refused (`refused`); or the reply cannot be one to its command (`unexpected`).
 *
 * The DATA of a mail with copies waits for these replies: a server that refused the recipient and accepted a copy would take a content,
 * even an empty one, for the owner of the copy.
 */
export type EnvelopeStep = "next" | "addressed" | "go_ahead" | "refused" | "unexpected";

/** The state of one mail's envelope. A session has one, and uses it for one mail after the other. */
export class Envelope {
  /** The mail whose envelope has replies to come. */
  job: Job | null = null;
  /** The command that the next reply answers. */
  command: EnvelopeCommand = "MAIL";
  /** Which RCPT the next reply answers, if it answers one: 0 for the recipient, and from 1 for the copies. */
  place = 0;
  /** The first reply that refused the envelope. */
  refusal: Refusal | null = null;
  /** True if the mail went elsewhere, and only the replies are still to come. */
  abandoned = false;

  begin(job: Job, first: "RSET" | "MAIL"): void {
    this.job = job;
    this.command = first;
    this.place = 0;
    if (job.mail.copies !== undefined) job.copyRefusals = [];
    this.refusal = null;
    this.abandoned = false;
  }

  clear(): void {
    this.job = null;
    this.refusal = null;
  }

  /** Takes the reply to `command`. RFC 5321, 4.3.2 lists the codes that may answer each command. */
  advance(reply: Reply): EnvelopeStep {
    switch (this.command) {
      case "RSET":
        if (reply.code !== 250) return "unexpected";
        this.command = "MAIL";
        return "next";
      case "MAIL":
        return this.#take(reply, "mail", "RCPT");
      case "RCPT":
        if (this.place > 0) return this.#takeCopy(reply);
        // A server that refused MAIL cannot accept a recipient: one of the two replies answered another command.
        if (this.refusal && !isRefusal(reply)) return "unexpected";
        if (this.job?.mail.copies === undefined) return this.#take(reply, "rcpt", "DATA");
        this.place = 1;
        return this.#take(reply, "rcpt", "RCPT");
      case "DATA":
        if (reply.code === 354) return "go_ahead";
        if (!isRefusal(reply)) return "unexpected";
        this.refusal ??= { ...reply, phase: "data" };
        return "refused";
    }
  }

  #takeCopy(reply: Reply): EnvelopeStep {
    const refused = isRefusal(reply);
    if (!refused && (!isAcceptance(reply) || this.refusal?.phase === "mail")) return "unexpected";
    const { mail, copyRefusals } = this.job!;
    copyRefusals!.push(refused ? reply.text : null);
    this.place += 1;
    if (this.place <= mail.copies!.length) return "next";
    this.command = "DATA";
    return "addressed";
  }

  #take(reply: Reply, phase: "mail" | "rcpt", next: EnvelopeCommand): EnvelopeStep {
    if (isRefusal(reply)) this.refusal ??= { ...reply, phase };
    else if (!isAcceptance(reply)) return "unexpected";
    this.command = next;
    return "next";
  }
}
