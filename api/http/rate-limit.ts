import { rateLimiter } from "hono-rate-limiter";
import type { ApiEnv } from "./context.ts";
import { Problem } from "./problem.ts";

const windowMs = 60_000;

/**
 * Counts the requests of each key, and of each recipient, in windows of a minute that begin with its first request, in this
 * process. Every answer to a caller says how many are left, in the headers of draft-ietf-httpapi-ratelimit-headers-07; past the limit it is a 429.
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
        `You may make ${limit} requests a minute. Retry-After says when there is room again.`,
      );
    },
  });
}
