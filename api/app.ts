import { memoryShare } from "../config/memory.ts";
import { authenticate, type Scheme } from "./http/auth.ts";
import { createErrorHandler, createNotFoundHandler } from "./http/error-handlers.ts";
import { jsonBody } from "./http/json-body.ts";
import { limitRequests } from "./http/rate-limit.ts";
import { logRequests } from "./http/request-logging.ts";
import { type ApiDeps, createRouter } from "./http/router.ts";
import { createPathMatcher, routeTable, type TableRow } from "./openapi/document.ts";
import { docsRoutes } from "./openapi/docs-routes.ts";
import { addLedgerMetrics } from "./operations/ledger-metrics.ts";
import { createEpochReader } from "./recipients/links-routes.ts";
import { recipientImportPath } from "./recipients/import-routes.ts";
import { type ApiRouter, resources } from "./resources.ts";
import { createServices, type Services } from "./services.ts";
import { suppressionImportPath } from "./suppressions/routes.ts";

type Router = ReturnType<typeof createRouter>;
type FindRoutes = (path: string) => readonly TableRow[];

/** The whole HTTP API as a fetch handler: `createApp(deps).fetch`. */
export function createApp(deps: ApiDeps): ApiRouter {
  const services = createServices(deps);
  const { logger, metrics, config, readLedger } = services;
  addLedgerMetrics(metrics.registry, readLedger, memoryShare);
  metrics.setLimits(config);

  const app = createRouter();
  const findRoutes = createRouteFinder(app);
  addMiddleware(app, services, findRoutes);
  for (const createRoutes of Object.values(resources).flat())
    app.route("/", createRoutes(services) as unknown as Router);
  app.route("/", docsRoutes(app));
  app.notFound(createNotFoundHandler(findRoutes));
  app.onError(createErrorHandler(logger));
  // The loop above has added the routes of every resource, which a type cannot follow.
  return app as unknown as ApiRouter;
}

/** Finds the routes of a path. The table is made by the first request, when all routes have been added. */
function createRouteFinder(app: Router): FindRoutes {
  let matchPath: ReturnType<typeof createPathMatcher> | undefined;
  return (path) => (matchPath ??= createPathMatcher(routeTable(app)))(path);
}

/** Paths whose POST reads its body as it arrives. Another method there means something else: a recipient may be named `import`. */
const streamedPaths = new Set([recipientImportPath, suppressionImportPath]);

/** What every request passes before its route: logging and metrics, tracing, authentication, limits, and its body. */
function addMiddleware(app: Router, services: Services, findRoutes: FindRoutes): void {
  const { keyring, tokens, clock, config, traceRequests } = services;
  app.use(logRequests(services));
  if (traceRequests) app.use(traceRequests);
  app.use(
    authenticate({
      keyring,
      tokens,
      epochOf: createEpochReader(services),
      clock,
      schemeOf: (path) => findScheme(findRoutes(path)),
    }),
  );
  app.use(limitRequests(config));
  const readJson = jsonBody(config.bodyLimitBytes);
  app.on(["POST", "PUT", "PATCH", "DELETE"], "*", (c, next) =>
    c.req.method === "POST" && streamedPaths.has(c.req.path) ? next() : readJson(c, next),
  );
}

/** All routes of a path authenticate alike. A path that has no route asks for a key, so that it tells nothing to others. */
function findScheme(routes: readonly TableRow[]): Scheme {
  const accesses = new Set(routes.map(({ access }) => access));
  return accesses.has("public") ? "none" : accesses.has("recipient") ? "recipient" : "key";
}
