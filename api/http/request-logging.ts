import { randomUUID } from "node:crypto";
import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import { routePath } from "hono/route";
import type { Logger } from "pino";
import type { ApiEnv } from "./context.ts";
import { findAddress } from "./incoming.ts";
import type { ApiMetrics } from "./metrics.ts";
import type { ProblemKind } from "./problem-kinds.ts";

const methods = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/** Routes that monitoring requests all the time. They are logged at debug level. */
export const probes = new Set(["/healthz", "/readyz", "/metrics"]);

/** Describes a request for logs and metrics by the pattern of its route, not by its path, because external ids are often addresses. */
export function describeRequest(c: Context<ApiEnv>): { method: string; route: string } {
  const route = routePath(c, -1);
  const { method } = c.req;
  return {
    method: methods.has(method) ? method : "other",
    // No route matched, only middleware.
    route: route === "" || route === "*" || route === "/*" ? "unmatched" : route,
  };
}

/** The number of refused requests that are logged one by one in each window. Further ones are counted. */
const refusalsLogged = 20;
const refusalWindowMs = 10_000;
const refusals: readonly (ProblemKind | undefined)[] = [
  "unauthorized",
  "too-many-requests",
  "overloaded",
  "too-slow",
  "misdirected",
];

/**
 * Makes a function that counts a refusal and returns whether it may have a log line of its own. The others are logged as one number at
 * the end of the window, so that no caller can fill the disk.
 */
function createRefusalCounter(logger: Pick<Logger, "info">) {
  let inWindow = 0;
  return (): boolean => {
    inWindow += 1;
    if (inWindow === 1)
      setTimeout(() => {
        const more = inWindow - refusalsLogged;
        inWindow = 0;
        if (more > 0) logger.info({ requests: more }, "refused further requests");
      }, refusalWindowMs).unref();
    return inWindow <= refusalsLogged;
  };
}

/**
 * Gives every request an id (the one that was sent, if it is well-formed) and its caller's address, and logs and counts the request when
 * it has been answered. Its headers keep browsers and proxies from storing the response or guessing its type, unless the route
 * overrides them.
 */
export function logRequests({
  logger,
  metrics,
  config,
}: {
  logger: Pick<Logger, "info" | "debug">;
  metrics: ApiMetrics;
  config: { trustedProxies: number };
}) {
  const mayLogRefusal = createRefusalCounter(logger);
  return createMiddleware<ApiEnv>(async (c, next) => {
    const given = c.req.header("x-request-id");
    const requestId = given !== undefined && /^[\w.-]{1,64}$/.test(given) ? given : randomUUID();
    c.set("requestId", requestId);
    c.set("address", findAddress(c, config.trustedProxies));
    // Set before the response exists: Hono would rebuild a response that a header is added to, and send it in chunks.
    c.header("X-Request-Id", requestId);
    c.header("Cache-Control", "no-store");
    c.header("X-Content-Type-Options", "nosniff");
    const startedAt = performance.now();
    await next();
    const ms = performance.now() - startedAt;
    const { status } = c.res;
    const { method, route } = describeRequest(c);
    const problem = c.get("problem");
    const traceId = c.get("traceId");
    // The request has no caller if the route is public or authentication failed.
    const caller = (c.get("caller") as { id: string } | undefined)?.id ?? null;
    metrics.recordAnswer({ method, route, status, seconds: ms / 1_000 });
    if (problem) metrics.recordProblem(problem);
    const refused = refusals.includes(problem) || (problem !== undefined && caller === null);
    if (refused && !mayLogRefusal()) return;
    // A campaign has thousands of readers a second, who say nothing that its figures do not say.
    const isFrequent = probes.has(route) || c.get("route")?.class === "tracking";
    logger[isFrequent ? "debug" : "info"](
      {
        requestId,
        method,
        route,
        status,
        ms: Math.round(ms),
        caller,
        ...(problem && { problem }),
        ...(traceId && { traceId }),
      },
      "answered",
    );
  });
}
