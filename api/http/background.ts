import type { Logger } from "pino";
import { describeError } from "../../config/describe-error.ts";
import { Problem } from "./problem.ts";

/** The work that may be in progress at once. More is refused, since its callers can ask again. */
const mostAtOnce = 20;
const retryAfterSeconds = 10;

/** Work that follows an answer, so that neither the answer nor the time it takes says what is known of an address. */
export interface Background {
  /** Begins work, and returns at once. Its failure is logged with `failure`. Throws the problem of too much work in progress. */
  begin(work: () => Promise<void>, logged: { requestId: string; failure: string }): void;
  /** Resolves when no work is in progress. */
  whenIdle(): Promise<void>;
}

export function createBackground({ logger }: { logger: Pick<Logger, "warn"> }): Background {
  const working = new Set<Promise<void>>();
  return {
    begin(work, { requestId, failure }) {
      if (working.size >= mostAtOnce)
        throw new Problem("overloaded", "Too many of these requests are in progress. Try again.", {
          headers: { "Retry-After": String(retryAfterSeconds) },
        });
      const done = work()
        .catch((error: unknown) => logger.warn({ requestId, error: describeError(error) }, failure))
        .finally(() => working.delete(done));
      working.add(done);
    },
    async whenIdle() {
      while (working.size > 0) await Promise.all(working);
    },
  };
}
