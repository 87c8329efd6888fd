import { withoutAddresses } from "../../config/describe-error.ts";
import type { Policy } from "../../domain/policy/policy.ts";
import type { EndedMessage } from "./settlement.ts";

/**
 * Campaigns whose messages are refused for good one after the other, for no fault of their recipients: for who sends them, or for what
 * they say. More of the same would end likewise, and harm the sender's name: the campaign is paused, and says why.
 */
export class CampaignRefusals {
  readonly #settings: () => Promise<Policy["breaker"]>;
  readonly #pause: (campaignId: string, detail: string) => Promise<void>;
  readonly #runs = new Map<string, { count: number; limit: Promise<number> }>();

  /** @param pause pauses a campaign that runs, with what the last answer was, without the addresses in it */
  constructor(
    settings: () => Promise<Policy["breaker"]>,
    pause: (campaignId: string, detail: string) => Promise<void>,
  ) {
    this.#settings = settings;
    this.#pause = pause;
  }

  /** Takes what became of a message, once it is committed. */
  note({ claimed, settled }: EndedMessage): void {
    const attempt = settled[0]?.attempts.at(-1);
    const campaignId = claimed.items[0]?.delivery.campaignId;
    if (!attempt || !campaignId) return;
    if (attempt.outcome === "sent") {
      this.#runs.delete(campaignId);
      return;
    }
    if (attempt.failure !== "sender_refused" && attempt.failure !== "smtp_5xx") return;
    const limit = () => this.#settings().then(({ campaignRefusals }) => campaignRefusals);
    const run = this.#runs.get(campaignId) ?? { count: 0, limit: limit() };
    run.count += 1;
    this.#runs.set(campaignId, run);
    const { count } = run;
    run.limit.then(
      (refusals) =>
        count === refusals && this.#end(campaignId, withoutAddresses(attempt.response ?? "")),
      // It is asked again.
      () => this.#runs.delete(campaignId),
    );
  }

  #end(campaignId: string, response: string): void {
    this.#runs.delete(campaignId);
    // What is refused from now on begins another run, after which it is tried again.
    this.#pause(campaignId, response).catch(() => {});
  }
}
