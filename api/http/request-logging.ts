import { randomUUID } from "node:crypto";
import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import { routePath } from "hono/route";
import type { Logger } from "pino";
import type { ApiEnv } from "./context.ts";
import type { ApiMetrics } from "./metrics.ts";

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

/** Gives every request an id (its own if that is a plain one), and logs and counts the request once it is answered. */
export function logRequests({
  logger,
  metrics,
}: {
  logger: Pick<Logger, "info" | "debug">;
  metrics: ApiMetrics;
}) {
  return createMiddleware<ApiEnv>(async (c, next) => {
    const given = c.req.header("x-request-id");
    const requestId = given !== undefined && /^[\w.-]{1,64}$/.test(given) ? given : randomUUID();
    c.set("requestId", requestId);
    // Before the answer is there: a header that is added to one has it made anew, and sent in pieces.
    c.header("X-Request-Id", requestId);
    const startedAt = performance.now();
    await next();
    const ms = performance.now() - startedAt;
    const { status } = c.res;
    const { method, route } = describeRequest(c);
    const problem = c.get("problem");
    const traceId = c.get("traceId");
    metrics.recordAnswer({ method, route, status, seconds: ms / 1_000 });
    if (problem) metrics.recordProblem(problem);
    logger[probes.has(route) ? "debug" : "info"](
      {
        requestId,
        method,
        route,
        status,
        ms: Math.round(ms),
        // A public route has no caller, nor has a request that was not authenticated.
        caller: (c.get("caller") as { id: string } | undefined)?.id ?? null,
        ...(problem && { problem }),
        ...(traceId && { traceId }),
      },
      "answered",
    );
  });
}
