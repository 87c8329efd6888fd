import type { Job } from "./smtp-job.ts";
import type { Reply } from "./smtp-replies.ts";
import { isAcceptance, isRefusal, type Refusal } from "./smtp-verdicts.ts";

/**
 * What a reply means for the content: it was accepted or refused; it was refused before its end, and what is left of it would be
 * taken for commands; it was of no recipient, and empty; or the reply cannot be one to its final dot.
 */
export type ContentStep = "accepted" | "refused" | "refused_early" | "discarded" | "unexpected";

/** Where the content of one mail stands, from the server's 354 to its reply. A session has one, and uses it again for each mail. */
export class Content {
  /** It is being written, or waits for the reply. */
  job: Job | null = null;
  /** The reply by which its recipient was refused, where the server asked for a content all the same: it was ended empty. */
  refusal: Refusal | null = null;
  /** The kernel has all of it, and its final dot. */
  #written = false;

  /** For the write that ends it. */
  readonly noteWritten = (error?: Error | null): void => {
    if (!error) this.#written = true;
  };

  begin(job: Job, refusal: Refusal | null = null): void {
    this.job = job;
    this.refusal = refusal;
    this.#written = false;
  }

  clear(): void {
    this.job = null;
  }

  /** Takes a reply. `asked` as the wire says it. */
  judge(reply: Reply, asked: boolean): ContentStep {
    if (this.refusal)
      return asked && (isAcceptance(reply) || isRefusal(reply)) ? "discarded" : "unexpected";
    // RFC 5321, 3.8: instead of any reply, at any time, and the server closes after it.
    if (reply.code === 421) return "refused";
    if (!this.job!.dotWritten) return isRefusal(reply) ? "refused_early" : "unexpected";
    // What was said before the server can have seen the final dot is no answer to it, whatever its code.
    if (!asked || !this.#written) return "unexpected";
    if (isRefusal(reply)) return "refused";
    return isAcceptance(reply) ? "accepted" : "unexpected";
  }
}
