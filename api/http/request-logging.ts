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

/** Machines request these routes all the time, so that they are logged at debug level. */
export const probes = new Set(["/healthz", "/readyz", "/metrics"]);

/** Describes a request for logs and metrics: by the pattern of its route and not its path, for external ids are often addresses. */
export function describeRequest(c: Context<ApiEnv>): { method: string; route: string } {
  const route = routePath(c, -1);
  const { method } = c.req;
  return {
    method: methods.has(method) ? method : "other",
    // No route matched, only middleware.
    route: route === "" || route === "*" || route === "/*" ? "unmatched" : route,
  };
}

/** Of requests that a limit or the lack of a key refused, so many are logged one by one in each window; the others are counted. */
const refusalsLogged = 20;
const refusalWindowMs = 10_000;
const refusals: readonly (ProblemKind | undefined)[] = [
  "unauthorized",
  "too-many-requests",
  "overloaded",
  "too-slow",
  "misdirected",
];

/** Says of each refusal whether it may have a line of its own. Those that may not are told together, so that nobody fills the disk. */
function createRefusalCounter(logger: Pick<Logger, "info">) {
  let inWindow = 0;
  return (): boolean => {
    inWindow += 1;
    if (inWindow === 1)
      setTimeout(() => {
        const more = inWindow - refusalsLogged;
        inWindow = 0;
        if (more > 0) logger.info({ requests: more }, "refused, beside those that were logged");
      }, refusalWindowMs).unref();
    return inWindow <= refusalsLogged;
  };
}

/**
 * Gives every request an id (its own if that is a plain one) and its caller's address, and logs and counts the request once it is
 * answered. No answer is kept by a browser or a proxy, or taken for another type, unless its route says so.
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
    // Before the answer is there: a header that is added to one has it made anew, and sent in pieces.
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
    // A public route has no caller, nor has a request that was not authenticated.
    const caller = (c.get("caller") as { id: string } | undefined)?.id ?? null;
    metrics.recordAnswer({ method, route, status, seconds: ms / 1_000 });
    if (problem) metrics.recordProblem(problem);
    const refused = refusals.includes(problem) || (problem !== undefined && caller === null);
    if (refused && !mayLogRefusal()) return;
    logger[probes.has(route) ? "debug" : "info"](
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
