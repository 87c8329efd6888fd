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
  /** Receives the outcomes. */
  breaker: Pick<Breaker, "succeeded" | "failed">;
  /** Shut when the server asks for a rest. */
  gate: Pick<WatchedGate, "shut">;
  /** Returns milliseconds since the epoch. */
  clock: () => number;
  logger?: Logger | undefined;
}

/** The health of a provider, as judged by the outcomes of its mails and connections. */
export class ProviderHealth {
  /** Whether to prefer other providers, and whether to open connections. One may be fine without the other. */
  readonly preference = new Cooldown();
  readonly reach = new Cooldown();
  lastLoss: Loss = { failure: "connection", message: "not reached yet" };
  readonly #options: HealthOptions;
  readonly #refusals = new RefusalRun();

  constructor(options: HealthOptions) {
    this.#options = options;
  }

  /** Ends the rest of the provider, so that it is tried. */
  wake(): void {
    this.preference.noteSuccess();
    this.reach.noteSuccess();
  }

  /** Takes a verdict, and returns it revised in the light of those before it. */
  judge(original: Verdict): Verdict {
    const verdict = this.#refusals.judge(original);
    const { failure, response } = verdict;
    if (failure === "timeout" || failure === "auth")
      this.#suspect({ failure, message: response ?? "" });
    // Any reply of the server shows that it works.
    else if (failure !== "connection" && failure !== "interrupted") this.preference.noteSuccess();
    this.#report(verdict);
    return verdict;
  }

  /** Notes that there is no connection, and that none can be opened. */
  noteUnreachable(loss: Loss): void {
    this.reach.noteFailure(performance.now());
    this.#suspect(loss);
    if (!loss.tooMany) this.#report(judgeLoss(loss));
  }

  /** Notes that the server ended a connection and named a time to wait. */
  noteRest(loss: Loss): void {
    this.#report(judgeLoss(loss));
  }

  /** Notes that the server is busy but finishes nothing. */
  noteStall(loss: Loss): void {
    this.#suspect(loss);
    this.#report(judgeLoss(loss));
  }

  #suspect(loss: Loss): void {
    this.lastLoss = loss;
    const { logger, settings } = this.#options;
    if (!this.preference.suspect) {
      logger?.warn(
        { provider: settings.name, failure: loss.failure },
        "the provider failed, so that others are preferred for a while",
      );
    }
    this.preference.noteFailure(performance.now());
  }

  /** Reports the signal of a verdict to the breaker or the gate. Mails that were turned away are not reported again. */
  #report(verdict: Verdict): void {
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
