import type { Job } from "./smtp-job.ts";
import type { Reply } from "./smtp-replies.ts";
import { isAcceptance, isRefusal, type Refusal } from "./smtp-verdicts.ts";

/** The commands of an envelope in their order. RSET comes first if a refused envelope is still open. */
export type EnvelopeCommand = "RSET" | "MAIL" | "RCPT" | "DATA";

/**
 * The consequence of a reply: the next command follows (`next`); the server asks for the content (`go_ahead`); all commands were
 * answered and the mail was refused (`refused`); or the reply cannot be one to its command (`unexpected`).
 */
export type EnvelopeStep = "next" | "go_ahead" | "refused" | "unexpected";

/** The state of one mail's envelope. A session has one, and uses it for one mail after the other. */
export class Envelope {
  /** The mail whose envelope has replies to come. */
  job: Job | null = null;
  /** The command that the next reply answers. */
  command: EnvelopeCommand = "MAIL";
  /** The first reply that refused the envelope. */
  refusal: Refusal | null = null;
  /** True if the mail went elsewhere, and only the replies are still to come. */
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
        // A server that refused MAIL cannot accept a recipient: one of the two replies answered another command.
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
