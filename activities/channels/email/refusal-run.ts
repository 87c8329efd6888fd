import type { Verdict } from "./smtp-job.ts";

/** A run of this many refusals in the same words has another cause than the messages themselves. */
const sameWordsLimit = 5;

/**
 * Judges permanent refusals by those before them, with no message accepted in between. A refusal may concern a message or its
 * recipient although it says otherwise, or the other way round, and the preceding refusals show which.
 */
export class RefusalRun {
  #senderRefusals = 0;
  #words = "";
  #sameWords = 0;

  judge(verdict: Verdict): Verdict {
    const { failure, response } = verdict;
    if (failure === null) {
      this.#senderRefusals = 0;
      this.#sameWords = 0;
    } else if (failure === "sender_refused" || failure === "auth") {
      this.#senderRefusals += 1;
      return this.#senderRefusals > 1 ? { ...verdict, forgiven: true } : verdict;
    } else if (failure === "smtp_5xx" || failure === "recipient_refused") {
      const words = withoutVariableParts(response ?? "");
      this.#sameWords = words === this.#words ? this.#sameWords + 1 : 1;
      this.#words = words;
      if (this.#sameWords >= sameWordsLimit)
        return {
          ...verdict,
          outcome: "transient",
          failure: "sender_refused",
          signal: "failed",
          forgiven: true,
        };
    }
    return verdict;
  }
}

/** A reply without the parts that differ between messages: addresses, ids, numbers. */
const withoutVariableParts = (reply: string) => reply.replaceAll(/\S*[@\d]\S*/g, "");
