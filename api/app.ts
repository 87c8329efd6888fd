import { z } from "@hono/zod-openapi";
import { HTTPException } from "hono/http-exception";
import { authenticate, type Scheme } from "./http/auth.ts";
import { createTokens } from "../domain/tokens.ts";
import { memoryShare } from "../config/memory.ts";
import { createRulebookReader } from "../ledger/rulebook.ts";
import { createBacklog } from "./notifications/admission.ts";
import { describeError } from "../config/describe-error.ts";
import { databaseProblem, isForeignKeyViolation } from "./http/database-errors.ts";
import { jsonBody, unsupportedBody } from "./http/json-body.ts";
import { createKeyring } from "./http/keyring.ts";
import { addLedgerMetrics } from "./operations/ledger-metrics.ts";
import { createLedgerReader } from "../ledger/health-figures.ts";
import { createApiMetrics } from "./http/metrics.ts";
import { observeRequests } from "./http/request-logging.ts";
import { createPathMatcher, openApiDocument, routeTable } from "./openapi/document.ts";
import { Problem } from "./http/problem.ts";
import { limitRequests } from "./http/rate-limit.ts";
import { type ApiDeps, createRouter, defineRoute } from "./http/router.ts";
import { actionRoutes } from "./actions/routes.ts";
import { apiKeyRoutes } from "./access/key-routes.ts";
import { auditRoutes } from "./access/audit-routes.ts";
import { campaignActionRoutes } from "./campaigns/lifecycle-routes.ts";
import { campaignEditRoutes } from "./campaigns/edit-routes.ts";
import { campaignRecallRoutes } from "./campaigns/recall-routes.ts";
import { campaignRoutes } from "./campaigns/routes.ts";
import { campaignReportRoutes } from "./campaigns/report-routes.ts";
import { decisionPreviewRoutes } from "./policy/preview-routes.ts";
import { deliveryRoutes } from "./deliveries/routes.ts";
import { deliveryChangeRoutes } from "./deliveries/change-routes.ts";
import { docsRoutes } from "./openapi/docs-routes.ts";
import { eventRoutes } from "./events/routes.ts";
import { explanationRoutes } from "./explanations/routes.ts";
import { groupRoutes } from "./deliveries/group-routes.ts";
import { gateRoutes } from "./operations/gate-routes.ts";
import { healthRoutes } from "./operations/probe-routes.ts";
import { metricsRoutes } from "./operations/metrics-routes.ts";
import { notificationTypeRoutes } from "./notification-types/routes.ts";
import { templateTestRoutes } from "./notifications/test-routes.ts";
import { notificationRoutes } from "./notifications/routes.ts";
import { policySimulationRoutes } from "./policy/simulation-routes.ts";
import { policyRoutes } from "./policy/routes.ts";
import { queueRoutes } from "./operations/queue-routes.ts";
import { providerRoutes } from "./operations/provider-routes.ts";
import { preferenceRoutes } from "./recipients/preference-routes.ts";
import { preferenceTokenRoutes } from "./recipients/token-routes.ts";
import { recipientImportPath, recipientImportRoutes } from "./recipients/import-routes.ts";
import { recipientBulkRoutes } from "./recipients/bulk-routes.ts";
import { recipientListRoutes } from "./recipients/list-routes.ts";
import { recipientRoutes } from "./recipients/routes.ts";
import { segmentMemberRoutes } from "./recipients/segment-member-routes.ts";
import { segmentRoutes } from "./segments/routes.ts";
import { suppressionImportPath, suppressionRoutes } from "./suppressions/routes.ts";
import { systemHealthRoutes } from "./operations/health-routes.ts";
import { templatePreviewRoutes } from "./templates/preview-routes.ts";
import { templateVersionRoutes } from "./templates/version-routes.ts";
import { campaignRevisionRoutes } from "./campaigns/revision-routes.ts";
import { templateRoutes } from "./templates/routes.ts";
import { timelineRoutes } from "./recipients/timeline-routes.ts";
import { createTypes } from "./notification-types/lookup.ts";
import { createTemplateVersions } from "./templates/version-cache.ts";

const document = defineRoute({
  method: "get",
  path: "/openapi.json",
  access: "public",
  summary: "This document",
  responses: {
    200: {
      description: "An OpenAPI 3.1 document",
      content: {
        "application/json": {
          schema: z.looseObject({}).openapi({ example: { openapi: "3.1.0" } }),
        },
      },
    },
  },
});

/** Paths of a POST whose body is read as it arrives. Another method of theirs means something else: a recipient may be named `import`. */
const streamed = new Set([recipientImportPath, suppressionImportPath]);

/** The whole HTTP API as a fetch handler: `createApp(deps).fetch`. */
export function createApp(deps: ApiDeps) {
  const { config, logger, metrics = createApiMetrics() } = deps;
  const app = createRouter();

  const readRulebook = createRulebookReader(deps.pool);
  const readLedger = createLedgerReader({ pool: deps.pool, readRulebook });
  addLedgerMetrics(metrics.registry, readLedger, memoryShare);
  metrics.unsentLimit(config.maxUnsent);
  app.use(observeRequests({ logger, metrics }));
  if (deps.traceRequests) app.use(deps.traceRequests);
  const backlog = createBacklog({ pool: deps.pool, ...config });
  const keyring = createKeyring({ ...deps, bootstrapKey: config.apiKey });
  let matcher: ReturnType<typeof createPathMatcher> | undefined;
  const routesOf = (path: string) => (matcher ??= createPathMatcher(routeTable(app)))(path);
  const schemeOf = (path: string): Scheme => {
    const of = new Set(routesOf(path).map(({ access }) => access));
    return of.has("public") ? "none" : of.has("recipient") ? "recipient" : "key";
  };
  const tokens = createTokens(config.tokenSecret);
  app.use(authenticate({ keyring, tokens, clock: deps.clock, schemeOf }));
  app.use(limitRequests(config));
  const readJson = jsonBody(config.bodyLimitBytes);
  app.on(["POST", "PUT", "PATCH", "DELETE"], "*", (c, next) =>
    c.req.method === "POST" && streamed.has(c.req.path) ? next() : readJson(c, next),
  );

  const versions = createTemplateVersions(deps.prisma);
  const types = createTypes(readRulebook);
  const api = app
    .route("/", healthRoutes(deps))
    .route("/", metricsRoutes(metrics.registry))
    .route("/", recipientImportRoutes(deps, readRulebook))
    .route("/", recipientBulkRoutes(deps, readRulebook))
    .route("/", recipientListRoutes(deps))
    .route("/", recipientRoutes(deps))
    .route("/", preferenceRoutes(deps, readRulebook))
    .route("/", preferenceTokenRoutes(deps, tokens))
    .route("/", timelineRoutes(deps, readRulebook))
    .route("/", policyRoutes(deps))
    .route("/", notificationTypeRoutes(deps))
    .route("/", segmentRoutes(deps))
    .route("/", segmentMemberRoutes(deps))
    .route("/", suppressionRoutes(deps))
    .route("/", templateRoutes(deps))
    .route("/", templateVersionRoutes(deps))
    .route("/", templatePreviewRoutes(deps))
    .route("/", campaignRoutes(deps, versions))
    .route("/", campaignEditRoutes(deps, versions))
    .route("/", campaignRecallRoutes(deps, versions))
    .route("/", campaignRevisionRoutes(deps))
    .route("/", campaignActionRoutes(deps))
    .route("/", campaignReportRoutes(deps))
    .route("/", notificationRoutes(deps, versions, types, backlog))
    .route("/", templateTestRoutes(deps, versions, types, backlog))
    .route("/", deliveryRoutes(deps))
    .route("/", deliveryChangeRoutes(deps))
    .route("/", actionRoutes(deps, tokens))
    .route("/", eventRoutes(deps))
    .route("/", explanationRoutes(deps, readRulebook))
    .route("/", decisionPreviewRoutes(deps, readRulebook, types))
    .route("/", policySimulationRoutes(deps, readRulebook))
    .route("/", groupRoutes(deps))
    .route("/", queueRoutes(deps))
    .route("/", providerRoutes(deps))
    .route("/", gateRoutes(deps))
    .route("/", systemHealthRoutes(readLedger))
    .route("/", apiKeyRoutes(deps, keyring))
    .route("/", auditRoutes(deps));

  app.route("/", docsRoutes());
  let written: Record<string, unknown> | undefined;
  app.openapi(document, (c) => c.json((written ??= openApiDocument(app)), 200));

  app.notFound((c) => {
    const methods = [...new Set(routesOf(c.req.path).map(({ method }) => method))];
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
  });

  app.onError((error, c) => {
    const requestId = c.get("requestId");
    if (error instanceof Problem) return error.toResponse(c);
    // Hono's own: a body of no length where one is required.
    if (error instanceof HTTPException && error.status === 400) {
      return new Problem("malformed-json", "The body is empty: send JSON.").toResponse(c);
    }
    // And a form of JSON that it does not know.
    if (error instanceof HTTPException && error.status === 415)
      return unsupportedBody().toResponse(c);
    if (isForeignKeyViolation(error))
      return new Problem(
        "conflict",
        "Something that the request names was deleted just now. Repeat the request.",
      ).toResponse(c);
    const unavailable = databaseProblem(error);
    if (unavailable) {
      logger.warn({ requestId, error: describeError(error) }, "the database is not available");
      return unavailable.toResponse(c);
    }
    logger.error({ requestId, error: describeError(error) }, "a request failed");
    return new Problem("internal", "").toResponse(c);
  });

  return api;
}
