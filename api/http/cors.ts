import { cors } from "hono/cors";
import { createMiddleware } from "hono/factory";
import type { ApiEnv } from "./context.ts";
import type { TableRow } from "./router.ts";

/** The headers that pages of other origins may send, and those of answers that they may read. */
const sentHeaders = ["authorization", "content-type", "idempotency-key", "last-event-id"];
const readHeaders = ["etag", "ratelimit", "ratelimit-policy", "retry-after", "x-request-id"];

/** How long a browser may keep the answer to a preflight request. */
const keptSeconds = 600;

/**
 * Lets pages of the given origins use the routes that are meant for them, and answers their preflight requests (OPTIONS) before
 * authentication. An origin is compared exactly; none means that no page of another origin reads an answer. Cookies are never accepted.
 */
export function allowOrigins(
  origins: readonly string[],
  findRoutes: (path: string) => readonly Pick<TableRow, "method" | "crossOrigin">[],
) {
  const methodsOf = (path: string) =>
    findRoutes(path).flatMap(({ method, crossOrigin }) => (crossOrigin ? [method] : []));
  const answer = cors({
    origin: (origin) => (origins.includes(origin) ? origin : null),
    allowMethods: (_, c) => methodsOf(c.req.path),
    allowHeaders: sentHeaders,
    exposeHeaders: readHeaders,
    maxAge: keptSeconds,
  });
  return createMiddleware<ApiEnv>(async (c, next) => {
    if (origins.length === 0 || methodsOf(c.req.path).length === 0) return next();
    return answer(c, next);
  });
}
