import type { Logger } from "pino";
import type { SmtpProvider as ProviderSettings } from "../../../config/smtp.ts";
import type { Breaker } from "../breakers.ts";
import type { WatchedGate } from "../cached-gate.ts";
import { Cooldown } from "./cooldown.ts";
import { describeFailure } from "./smtp-evidence.ts";
import type { Loss, Verdict } from "./smtp-job.ts";
import { RefusalRun } from "./refusal-run.ts";
import { judgeLoss } from "./smtp-verdicts.ts";

export interface HealthOptions {
  settings: ProviderSettings;
  /** Is told what the outcomes say. */
  breaker: Pick<Breaker, "succeeded" | "failed">;
  /** Is shut where the server asks to be left alone for a while. */
  gate: Pick<WatchedGate, "shut">;
  /** Milliseconds since the epoch. */
  clock: () => number;
  logger?: Logger | undefined;
}

/** What is known of a provider from what came of its mails and connections. */
export class ProviderHealth {
  /** Whether to prefer others; and whether to open connections. One may go well without the other. */
  readonly preference = new Cooldown();
  readonly reach = new Cooldown();
  lastLoss: Loss = { failure: "connection", message: "not reached yet" };
  readonly #options: HealthOptions;
  readonly #refusals = new RefusalRun();

  constructor(options: HealthOptions) {
    this.#options = options;
  }

  /** Ends its rest: it is to be tried. */
  wake(): void {
    this.preference.succeeded();
    this.reach.succeeded();
  }

  /** Takes a verdict, and makes of it what it is in the light of those before. */
  judge(heard: Verdict): Verdict {
    const verdict = this.#refusals.judge(heard);
    const { failure, response } = verdict;
    if (failure === "timeout" || failure === "auth")
      this.#suspect({ failure, message: response ?? "" });
    // Any answer of its own shows that it is there.
    else if (failure !== "connection" && failure !== "interrupted") this.preference.succeeded();
    this.#tell(verdict);
    return verdict;
  }

  /** No connection stands, and none can be opened. */
  noteUnreachable(loss: Loss): void {
    this.reach.failed(performance.now());
    this.#suspect(loss);
    if (!loss.tooMany) this.#tell(judgeLoss(loss));
  }

  /** A server that ends a connection and says for how long has been heard. */
  noteRest(loss: Loss): void {
    this.#tell(judgeLoss(loss));
  }

  /** It is at work and finishes nothing. */
  noteStall(loss: Loss): void {
    this.#suspect(loss);
    this.#tell(judgeLoss(loss));
  }

  #suspect(loss: Loss): void {
    this.lastLoss = loss;
    const { logger, settings } = this.#options;
    if (!this.preference.suspect) {
      logger?.warn(
        { provider: settings.name, failure: loss.failure },
        "the provider failed: others are preferred for a while",
      );
    }
    this.preference.failed(performance.now());
  }

  /** Tells the breaker, or the gate, what was heard from the server. Of mails that were turned away it was told before. */
  #tell(verdict: Verdict): void {
    const { breaker, gate, clock, settings } = this.#options;
    switch (verdict.signal) {
      case "answered":
        return breaker.succeeded();
      case "failed":
        return breaker.failed(describeFailure(verdict, settings));
      case "rest":
        return gate.shut(clock() + verdict.retryAfterMs!, describeFailure(verdict, settings));
      case "nothing":
    }
  }
}
