import type { Job } from "./smtp-job.ts";
import type { Reply } from "./smtp-replies.ts";
import { isAcceptance, isRefusal, type Refusal } from "./smtp-verdicts.ts";

/**
 * The meaning of a reply for the content: it was accepted or refused (`accepted`, `refused`); it was refused before its end, so
 * that the rest would be taken for commands (`refused_early`); it was an empty content without a recipient (`discarded`); or the
 * reply cannot be one to the final dot (`unexpected`).
 */
export type ContentStep = "accepted" | "refused" | "refused_early" | "discarded" | "unexpected";

/** The state of one mail's content, from the server's 354 to its reply. A session has one, and uses it for one mail after the other. */
export class Content {
  /** The mail whose content is being written, or waits for the reply. */
  job: Job | null = null;
  /** The reply that refused the recipient, if the server asked for a content all the same. That content was empty. */
  refusal: Refusal | null = null;
  /** True once the kernel has the whole content and its final dot. */
  #written = false;

  /** The callback of the write that ends the content. */
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

  /** Judges a reply. `asked` is as in `WireListener`. */
  judge(reply: Reply, asked: boolean): ContentStep {
    if (this.refusal)
      return asked && (isAcceptance(reply) || isRefusal(reply)) ? "discarded" : "unexpected";
    // RFC 5321, 3.8: 421 may replace any reply, at any time, and the server closes after it.
    if (reply.code === 421) return "refused";
    if (!this.job!.dotWritten) return isRefusal(reply) ? "refused_early" : "unexpected";
    // A reply that came before the server can have read the final dot does not answer it, whatever its code.
    if (!asked || !this.#written) return "unexpected";
    if (isRefusal(reply)) return "refused";
    return isAcceptance(reply) ? "accepted" : "unexpected";
  }
}
