import type { ErrorHandler, NotFoundHandler } from "hono";
import { HTTPException } from "hono/http-exception";
import type { Logger } from "pino";
import { describeError } from "../../config/describe-error.ts";
import { SealedValueError } from "../../domain/sealer.ts";
import type { ApiEnv } from "./context.ts";
import { toDatabaseProblem, isForeignKeyViolation } from "./database-errors.ts";
import { unsupportedBody } from "./json-body.ts";
import { Problem } from "./problem.ts";

/** Answers a request without a route: with a 404 if its path has none, otherwise with a 405, or with the allowed methods for OPTIONS. */
export function createNotFoundHandler(
  findRoutes: (path: string) => readonly { method: string }[],
): NotFoundHandler<ApiEnv> {
  return (c) => {
    const methods = [...new Set(findRoutes(c.req.path).map(({ method }) => method))];
    if (methods.length === 0)
      return new Problem(
        "not-found",
        "There is no operation with this path. GET /openapi.json lists all operations.",
      ).toResponse(c);
    const allowed = [...methods, ...(methods.includes("GET") ? ["HEAD"] : []), "OPTIONS"];
    const headers = { Allow: allowed.join(", ") };
    if (c.req.method === "OPTIONS") return c.body(null, 204, headers);
    return new Problem("method-not-allowed", `This path allows only ${methods.join(" and ")}.`, {
      headers,
    }).toResponse(c);
  };
}

/** Answers a request that threw an error with a problem. An error that the caller did not cause is logged, and not shown in the response. */
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
    if (error instanceof SealedValueError) {
      logger.warn(logged, "a value could not be sealed or opened");
      return new Problem(
        "unavailable",
        "What the request needs is encrypted, and the server lacks the key or cannot read the value. The operator finds the reason in the log by this requestId.",
      ).toResponse(c);
    }
    logger.error(logged, "a request failed");
    return new Problem(
      "internal",
      "The request failed because of an internal error. The operator finds the reason in the log by this requestId.",
    ).toResponse(c);
  };
}

/** Finds the problem of an error that the request caused; null for every other error. */
function findProblem(error: Error): Problem | null {
  if (error instanceof Problem) return error;
  // Hono throws this itself for an empty body where one is required,
  if (error instanceof HTTPException && error.status === 400)
    return new Problem("malformed-json", "The body is empty. Send JSON.");
  // and this for a content type that it does not know.
  if (error instanceof HTTPException && error.status === 415) return unsupportedBody();
  if (isForeignKeyViolation(error))
    return new Problem(
      "conflict",
      "A resource that the request names has just been deleted. Send the request again to see which one.",
    );
  return null;
}
