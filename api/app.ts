import { getPath } from "hono/utils/url";
import { memoryShare } from "../config/memory.ts";
import { poll } from "../lib/polling.ts";
import { readConsoleFiles } from "./console-pages/files.ts";
import { consolePathOf, consoleRoutes } from "./console-pages/routes.ts";
import { authenticate, requireRight, type Scheme } from "./http/auth.ts";
import { allowOrigins } from "./http/cors.ts";
import { createErrorHandler, createNotFoundHandler } from "./http/error-handlers.ts";
import { checkHost } from "./http/hosts.ts";
import { keepTrackingApart } from "./http/tracking-host.ts";
import { requireProof } from "./http/proof.ts";
import { readToEnd } from "./http/incoming.ts";
import { jsonBody } from "./http/json-body.ts";
import { limitRequests } from "./http/rate-limit.ts";
import { logRequests } from "./http/request-logging.ts";
import { takeTurns } from "./http/request-turns.ts";
import { type ApiDeps, createRouter, roleOf, type TableRow } from "./http/router.ts";
import { createPathMatcher, routeTable } from "./openapi/document.ts";
import { docsRoutes } from "./openapi/docs-routes.ts";
import { addLedgerMetrics } from "./operations/ledger-metrics.ts";
import { createHolderReader } from "./recipients/holders.ts";
import { toRefusedPage } from "./recipient-pages/error-page.ts";
import { recordReads } from "./recipients/record-reads.ts";
import { type ApiRouter, resources } from "./resources.ts";
import { createServices, type Services } from "./services.ts";

type Router = ReturnType<typeof createRouter>;
type FindRoutes = (path: string) => readonly TableRow[];

/** The whole HTTP API as a fetch handler: `createApp(deps).fetch`. */
export function createApp(deps: ApiDeps): ApiRouter {
  const services = createServices(deps);
  const { logger, metrics, config, readLedger, alerts } = services;
  addLedgerMetrics(metrics.registry, readLedger, memoryShare);
  metrics.setLimits(config);

  if (config.alerts.everyMs !== null) {
    const looking = poll(() => alerts.look(), config.alerts.everyMs);
    services.hub.whenClosed(() => looking.stop());
  }
  const files = readConsoleFiles(config.console.folder);
  const app = createRouter({ getPath: (request) => consolePathOf(getPath(request)) });
  const findRoutes = createRouteFinder(app);
  addMiddleware(app, services, findRoutes);
  for (const createRoutes of Object.values(resources).flat())
    app.route("/", createRoutes(services) as unknown as Router);
  app.route("/", consoleRoutes(files, config.console) as unknown as Router);
  app.route("/", docsRoutes(app, { home: files.size > 0 ? "/console/" : "/docs" }));
  app.notFound(createNotFoundHandler(findRoutes));
  const toProblem = createErrorHandler(logger);
  app.onError((error, c) => toRefusedPage(c, services.pages, error) ?? toProblem(error, c));
  // The loop above has added the routes of every resource, which a type cannot follow.
  return app as unknown as ApiRouter;
}

/** Finds the routes of a path. The first request builds the table, because all routes have been added by then. */
function createRouteFinder(app: Router): FindRoutes {
  let matchPath: ReturnType<typeof createPathMatcher> | undefined;
  return (path) => (matchPath ??= createPathMatcher(routeTable(app)))(path);
}

/**
 * Adds the middleware that every request passes before its route, in this order: logging and metrics, tracing, the answers to other
 * origins, authentication, the rate limit, the right to use the route, the body, the turn, and the
 * record of who reads a recipient. A body is received before its request takes a turn, so that a
 * caller who sends slowly does not occupy a turn.
 */
function addMiddleware(app: Router, services: Services, findRoutes: FindRoutes): void {
  const { keyring, sessions, tokens, clock, config, traceRequests, metrics } = services;
  app.use(readToEnd());
  app.use(logRequests(services));
  app.use(async (c, next) => {
    const method = c.req.method === "HEAD" ? "GET" : c.req.method;
    c.set("route", findRoutes(c.req.path).find((row) => row.method === method) ?? null);
    await next();
  });
  if (traceRequests) app.use(traceRequests);
  app.use(checkHost(config.allowedHosts));
  app.use(keepTrackingApart(config.trackingHost));
  app.use(allowOrigins(config.corsOrigins, findRoutes));
  app.use(
    authenticate({
      keyring,
      sessions,
      consolePlace: config.console,
      tokens,
      holderOf: createHolderReader(services),
      clock,
      schemeOf: (path) => findScheme(findRoutes(path)),
    }),
  );
  app.use(limitRequests(config));
  app.use(async (c, next) => {
    const route = c.get("route");
    const role = route && roleOf(route.access);
    // The route checks this again. Checking it here avoids reading a body that will be refused.
    if (role && route.scope) requireRight(c.get("caller"), { role, scope: route.scope });
    if (route?.needsProof) requireProof(c.get("session"), clock());
    await next();
  });
  app.on(["POST", "PUT", "PATCH", "DELETE"], "*", jsonBody(config.bodyLimitBytes));
  app.use(takeTurns(metrics));
  const recordRead = recordReads(services);
  app.use("/v1/recipients/:recipient/*", recordRead);
  app.use("/v1/topics/:key/subscribers/:recipient", recordRead);
}

/** All routes of a path use the same scheme. A path without a route requires a key, so that callers without one learn nothing. */
function findScheme(routes: readonly TableRow[]): Scheme {
  const accesses = new Set(routes.map(({ access }) => access));
  if (accesses.has("public")) return "none";
  if (accesses.has("session")) return "session";
  return accesses.has("recipient") ? "recipient" : "key";
}
