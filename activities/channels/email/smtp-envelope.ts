import type { Job } from "./smtp-job.ts";
import type { Reply } from "./smtp-replies.ts";
import { isAcceptance, isRefusal, type Refusal } from "./smtp-verdicts.ts";

/** The commands of an envelope in their order. RSET comes first where an envelope that was refused is still open. */
export type EnvelopeCommand = "RSET" | "MAIL" | "RCPT" | "DATA";

/**
 * What follows from a reply: the next command's turn; the content is asked for; all has been answered and the mail was refused; or
 * the reply cannot be one to its command.
 */
export type EnvelopeStep = "next" | "go_ahead" | "refused" | "unexpected";

/** Where the envelope of one mail stands. A session has one, and uses it again for each mail. */
export class Envelope {
  /** Its replies are still to come. */
  job: Job | null = null;
  /** What is to be answered next. */
  command: EnvelopeCommand = "MAIL";
  /** The first reply that refused it. */
  refusal: Refusal | null = null;
  /** Its mail went elsewhere: only the replies are still to come. */
  abandoned = false;

  begin(job: Job, first: "RSET" | "MAIL"): void {
    this.job = job;
    this.command = first;
    this.refusal = null;
    this.abandoned = false;
  }

  clear(): void {
    this.job = null;
    this.refusal = null;
  }

  /** Takes the reply to `command`. RFC 5321, 4.3.2 lists what each may be answered with. */
  advance(reply: Reply): EnvelopeStep {
    switch (this.command) {
      case "RSET":
        if (reply.code !== 250) return "unexpected";
        this.command = "MAIL";
        return "next";
      case "MAIL":
        return this.#take(reply, "mail", "RCPT");
      case "RCPT":
        // A server that refused MAIL has nothing to add a recipient to: this reply, or that one, was to another command.
        if (this.refusal && !isRefusal(reply)) return "unexpected";
        return this.#take(reply, "rcpt", "DATA");
      case "DATA":
        if (reply.code === 354) return "go_ahead";
        if (!isRefusal(reply)) return "unexpected";
        this.refusal ??= { ...reply, phase: "data" };
        return "refused";
    }
  }

  #take(reply: Reply, phase: "mail" | "rcpt", next: EnvelopeCommand): EnvelopeStep {
    if (isRefusal(reply)) this.refusal ??= { ...reply, phase };
    else if (!isAcceptance(reply)) return "unexpected";
    this.command = next;
    return "next";
  }
}
