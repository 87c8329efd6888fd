import type { ErrorHandler, NotFoundHandler } from "hono";
import { HTTPException } from "hono/http-exception";
import type { Logger } from "pino";
import { describeError } from "../../config/describe-error.ts";
import type { ApiEnv } from "./context.ts";
import { toDatabaseProblem, isForeignKeyViolation } from "./database-errors.ts";
import { unsupportedBody } from "./json-body.ts";
import { Problem } from "./problem.ts";

/** Answers a request that no route has: 404 where its path has none, else 405, or to OPTIONS the methods that there are. */
export function createNotFoundHandler(
  findRoutes: (path: string) => readonly { method: string }[],
): NotFoundHandler<ApiEnv> {
  return (c) => {
    const methods = [...new Set(findRoutes(c.req.path).map(({ method }) => method))];
    if (methods.length === 0)
      return new Problem(
        "not-found",
        "No route has this path. GET /openapi.json lists them.",
      ).toResponse(c);
    const allowed = [...methods, ...(methods.includes("GET") ? ["HEAD"] : []), "OPTIONS"];
    const headers = { Allow: allowed.join(", ") };
    if (c.req.method === "OPTIONS") return c.body(null, 204, headers);
    return new Problem("method-not-allowed", `Use ${methods.join(" or ")}.`, {
      headers,
    }).toResponse(c);
  };
}

/** Answers a request that threw with a problem. What the caller is not to blame for is logged, and hidden from the answer. */
export function createErrorHandler(logger: Pick<Logger, "warn" | "error">): ErrorHandler<ApiEnv> {
  return (error, c) => {
    const problem = findProblem(error);
    if (problem) return problem.toResponse(c);
    const logged = { requestId: c.get("requestId"), error: describeError(error) };
    const unavailable = toDatabaseProblem(error);
    if (unavailable) {
      logger.warn(logged, "the database is not available");
      return unavailable.toResponse(c);
    }
    logger.error(logged, "a request failed");
    return new Problem("internal", "").toResponse(c);
  };
}

/** The problem that an error stands for without a fault of ours; null where it stands for none. */
function findProblem(error: Error): Problem | null {
  if (error instanceof Problem) return error;
  // Hono throws this itself for a body of no length where one is required,
  if (error instanceof HTTPException && error.status === 400)
    return new Problem("malformed-json", "The body is empty: send JSON.");
  // and this for a form of JSON that it does not know.
  if (error instanceof HTTPException && error.status === 415) return unsupportedBody();
  if (isForeignKeyViolation(error))
    return new Problem(
      "conflict",
      "Something that the request names was deleted just now. Repeat the request.",
    );
  return null;
}
