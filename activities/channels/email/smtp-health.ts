import type { Logger } from "pino";
import type { SmtpProvider as ProviderSettings } from "../../../config/environment.ts";
import { smtpRetryAfterMs } from "../../../domain/delivery/retry-after.ts";
import type { Breaker } from "../breakers.ts";
import type { WatchedGate } from "../gate-cache.ts";
import { Cooldown } from "./cooldown.ts";
import { describeFailure, judgeStanding } from "./smtp-evidence.ts";
import type { Loss, Verdict } from "./smtp-job.ts";
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

  constructor(options: HealthOptions) {
    this.#options = options;
  }

  /** Ends its rest: it is to be tried. */
  wake(): void {
    this.preference.succeeded();
    this.reach.succeeded();
  }

  noteVerdict(verdict: Verdict): void {
    const { failure, response } = verdict;
    if (failure === "timeout" || failure === "auth")
      this.#suspect({ failure, message: response ?? "" });
    // Any answer of its own shows that it is there.
    else if (failure === null || failure === "smtp_4xx" || failure === "smtp_5xx")
      this.preference.succeeded();
    this.#tell(verdict);
  }

  /** `alone`: no other connection stands. */
  noteUnreachable(loss: Loss, alone: boolean): void {
    this.lastLoss = loss;
    this.reach.failed(performance.now());
    if (alone) this.#suspect(loss);
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
    switch (judgeStanding(verdict)) {
      case "answered":
        return breaker.succeeded();
      case "failed":
        return breaker.failed(describeFailure(verdict, settings));
      case "neither": {
        const delayMs = smtpRetryAfterMs(verdict.response ?? "");
        if (delayMs !== null) gate.shut(clock() + delayMs, describeFailure(verdict, settings));
      }
    }
  }
}
