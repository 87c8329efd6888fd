import { withoutAddresses } from "../../config/describe-error.ts";
import type { Policy } from "../../domain/policy/policy.ts";
import type { EndedMessage } from "./settlement.ts";

/**
 * Pauses a campaign when providers permanently refuse several of its messages in a row because of the sender or the content, not
 * because of the recipients. Further messages would be refused too, and would harm the sender's reputation.
 */
export class CampaignRefusals {
  readonly #settings: () => Promise<Policy["breaker"]>;
  readonly #pause: (campaignId: string, detail: string) => Promise<void>;
  readonly #runs = new Map<string, { count: number; limit: Promise<number> }>();

  /** @param pause pauses a running campaign; `detail` is the last answer of the provider, without the addresses in it */
  constructor(
    settings: () => Promise<Policy["breaker"]>,
    pause: (campaignId: string, detail: string) => Promise<void>,
  ) {
    this.#settings = settings;
    this.#pause = pause;
  }

  /** Counts the outcome of a message. Call it once that outcome is committed. */
  note({ claimed, settled }: EndedMessage): void {
    const attempt = settled[0]?.attempts.at(-1);
    const campaignId = claimed.items[0]?.delivery.campaignId;
    if (!attempt || !campaignId) return;
    if (attempt.outcome === "sent") {
      this.#runs.delete(campaignId);
      return;
    }
    if (attempt.failure !== "sender_refused" && attempt.failure !== "smtp_5xx") return;
    const readLimit = () => this.#settings().then(({ campaignRefusals }) => campaignRefusals);
    const run = this.#runs.get(campaignId) ?? { count: 0, limit: readLimit() };
    run.count += 1;
    this.#runs.set(campaignId, run);
    const { count } = run;
    run.limit.then(
      (refusals) =>
        count === refusals &&
        this.#pauseAfterRun(campaignId, withoutAddresses(attempt.response ?? "")),
      // The next refusal reads the limit again.
      () => this.#runs.delete(campaignId),
    );
  }

  #pauseAfterRun(campaignId: string, response: string): void {
    this.#runs.delete(campaignId);
    // If the pause fails, further refusals start a new run, and the pause is attempted again after it.
    this.#pause(campaignId, response).catch(() => {});
  }
}
