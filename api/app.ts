import { randomUUID } from "node:crypto";
import { HTTPException } from "hono/http-exception";
import { routePath } from "hono/route";
import { requireApiKey } from "./auth.ts";
import { databaseProblem, describeError } from "./database-errors.ts";
import { jsonBody } from "./json-body.ts";
import { createAllowedMethods, openApiDocument } from "./openapi.ts";
import { Problem } from "./problem.ts";
import { type ApiDeps, createRouter } from "./router.ts";
import { campaignRoutes } from "./routes/campaigns.ts";
import { campaignReportRoutes } from "./routes/campaign-reports.ts";
import { deliveryRoutes } from "./routes/deliveries.ts";
import { healthRoutes } from "./routes/health.ts";
import { notificationRoutes } from "./routes/notifications.ts";
import { importPath, recipientImportRoutes } from "./routes/recipient-import.ts";
import { recipientRoutes } from "./routes/recipients.ts";
import { templateRoutes } from "./routes/templates.ts";

/** Answered without an API key. */
const publicPaths = new Set(["/healthz", "/readyz", "/openapi.json"]);

/** The whole HTTP API as a fetch handler: `createApp(deps).fetch`. */
export function createApp(deps: ApiDeps) {
  const { config, logger } = deps;
  const app = createRouter();

  app.use(async (c, next) => {
    const given = c.req.header("x-request-id");
    const requestId = given !== undefined && /^[\w.-]{1,64}$/.test(given) ? given : randomUUID();
    c.set("requestId", requestId);
    const startedAt = performance.now();
    await next();
    c.header("X-Request-Id", requestId);
    // The pattern of the route and not the path: external ids are often addresses.
    logger.debug(
      {
        requestId,
        method: c.req.method,
        route: routePath(c, -1),
        status: c.res.status,
        ms: Math.round(performance.now() - startedAt),
      },
      "answered",
    );
  });
  app.use(requireApiKey(config.apiKey, { except: publicPaths }));
  const readJson = jsonBody(config.bodyLimitBytes);
  app.on(["POST", "PUT", "PATCH", "DELETE"], "*", (c, next) =>
    c.req.path === importPath ? next() : readJson(c, next),
  );

  const api = app
    .route("/", healthRoutes(deps))
    .route("/", recipientImportRoutes(deps))
    .route("/", recipientRoutes(deps))
    .route("/", templateRoutes(deps))
    .route("/", campaignRoutes(deps))
    .route("/", campaignReportRoutes(deps))
    .route("/", notificationRoutes(deps))
    .route("/", deliveryRoutes(deps));

  let document: object | undefined;
  app.get("/openapi.json", (c) => c.json((document ??= openApiDocument(app))));

  const allowedMethods = createAllowedMethods(app);
  app.notFound((c) => {
    const methods = allowedMethods(c.req.path);
    const problem =
      methods.length > 0
        ? new Problem("method-not-allowed", `Use ${methods.join(" or ")}.`, {
            headers: { Allow: methods.join(", ") },
          })
        : new Problem("not-found", "No route has this path. GET /openapi.json lists them.");
    return problem.toResponse(c.get("requestId"));
  });

  app.onError((error, c) => {
    const requestId = c.get("requestId");
    if (error instanceof Problem) return error.toResponse(requestId);
    // Hono's own: a body of no length where one is required.
    if (error instanceof HTTPException && error.status === 400) {
      return new Problem("malformed-json", "The body is empty: send JSON.").toResponse(requestId);
    }
    const unavailable = databaseProblem(error);
    if (unavailable) {
      logger.warn({ requestId, error: describeError(error) }, "the database is not available");
      return unavailable.toResponse(requestId);
    }
    logger.error({ requestId, error: describeError(error) }, "a request failed");
    return new Problem("internal", "").toResponse(requestId);
  });

  return api;
}
