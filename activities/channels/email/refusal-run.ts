import type { Verdict } from "./smtp-job.ts";

/** So many messages in a row that are refused in the same words are refused for something else than what each of them is. */
const sameWordsLimit = 5;

/**
 * Refusals for good that follow each other, with nothing taken in between. One may be about a message or its recipient though it says
 * otherwise, or the other way round: what comes before it tells.
 */
export class RefusalRun {
  #ofSender = 0;
  #words = "";
  #inSameWords = 0;

  judge(verdict: Verdict): Verdict {
    const { failure, response } = verdict;
    if (failure === null) {
      this.#ofSender = 0;
      this.#inSameWords = 0;
    } else if (failure === "sender_refused" || failure === "auth") {
      this.#ofSender += 1;
      return this.#ofSender > 1 ? { ...verdict, forgiven: true } : verdict;
    } else if (failure === "smtp_5xx" || failure === "recipient_refused") {
      const words = withoutNames(response ?? "");
      this.#inSameWords = words === this.#words ? this.#inSameWords + 1 : 1;
      this.#words = words;
      if (this.#inSameWords >= sameWordsLimit)
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

/** A reply without what differs from message to message: addresses, ids, numbers. */
const withoutNames = (reply: string) => reply.replaceAll(/\S*[@\d]\S*/g, "");
