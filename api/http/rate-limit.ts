import { rateLimiter } from "hono-rate-limiter";
import type { ApiEnv } from "./context.ts";
import { Problem } from "./problem.ts";

const windowMs = 60_000;

/**
 * Limits the requests of each key, and of each recipient, in this process. They are counted in windows of a minute that begin with a
 * request. Every response to an authenticated caller has the headers of draft-ietf-httpapi-ratelimit-headers-07. Beyond the limit it
 * is a 429.
 */
export function limitRequests({ requestsPerMinute }: { requestsPerMinute: number }) {
  return rateLimiter<ApiEnv>({
    windowMs,
    standardHeaders: "draft-7",
    skip: (c) => c.get("caller") === undefined,
    keyGenerator: (c) => c.get("caller").scope,
    limit: (c) => c.get("caller").requestsPerMinute ?? requestsPerMinute,
    handler: (c) => {
      const limit = c.get("caller").requestsPerMinute ?? requestsPerMinute;
      throw new Problem(
        "too-many-requests",
        `You may send ${limit} requests a minute. Retry-After says in how many seconds you may send the next one.`,
      );
    },
  });
}
