import type { OpenAPIHono } from "@hono/zod-openapi";
import { actorRoutes } from "./access/actor-routes.ts";
import { apiKeyRoutes } from "./access/key-routes.ts";
import { auditRoutes } from "./access/audit-routes.ts";
import { openIdRoutes } from "./access/openid-routes.ts";
import { operatorRoutes } from "./access/operator-routes.ts";
import { sessionListRoutes } from "./access/session-list-routes.ts";
import { sessionRoutes } from "./access/session-routes.ts";
import { actionRoutes } from "./actions/routes.ts";
import { confirmRoutes } from "./sign-up/confirm-routes.ts";
import { signUpRoutes } from "./sign-up/routes.ts";
import { topicImportRoutes } from "./topics/import-routes.ts";
import { recipientTopicRoutes } from "./topics/recipient-routes.ts";
import { topicRoutes } from "./topics/routes.ts";
import { topicSubscriberRoutes } from "./topics/subscriber-routes.ts";
import { browserViewRoutes } from "./browser-view/routes.ts";
import { trackingRoutes } from "./tracking/routes.ts";
import { unsubscribeRoutes } from "./unsubscribing/routes.ts";
import { alertRoutes } from "./alerts/routes.ts";
import { analyticsExportRoutes } from "./analytics/export-routes.ts";
import { analyticsPeopleRoutes } from "./analytics/people-routes.ts";
import { analyticsReconciliationRoutes } from "./analytics/reconciliation-routes.ts";
import { analyticsRoutes } from "./analytics/report-routes.ts";
import { attachmentRoutes } from "./attachments/routes.ts";
import { myAddressRoutes } from "./addresses/my-routes.ts";
import { addressRoutes } from "./addresses/routes.ts";
import { campaignEditRoutes } from "./campaigns/edit-routes.ts";
import { campaignLinkRoutes } from "./campaigns/link-routes.ts";
import { campaignActionRoutes } from "./campaigns/lifecycle-routes.ts";
import { campaignRecallRoutes } from "./campaigns/recall-routes.ts";
import { campaignReportRoutes } from "./campaigns/report-routes.ts";
import { campaignRevisionRoutes } from "./campaigns/revision-routes.ts";
import { campaignRoutes } from "./campaigns/routes.ts";
import { deliveryChangeRoutes } from "./deliveries/change-routes.ts";
import { deliveryCountRoutes } from "./deliveries/count-routes.ts";
import { deliveryExportRoutes } from "./deliveries/export-routes.ts";
import { groupRoutes } from "./deliveries/group-routes.ts";
import { deliveryMessageRoutes } from "./deliveries/message-routes.ts";
import { deliveryRoutes } from "./deliveries/routes.ts";
import { eventRoutes } from "./events/routes.ts";
import { explanationRoutes } from "./explanations/routes.ts";
import type { ApiEnv } from "./http/context.ts";
import { inboundRoutes } from "./inbound/routes.ts";
import { inboxRoutes } from "./inbox/routes.ts";
import { inboxStreamRoutes } from "./inbox/stream-routes.ts";
import { notificationTypeRoutes } from "./notification-types/routes.ts";
import { notificationListRoutes } from "./notifications/list-routes.ts";
import { notificationRoutes } from "./notifications/routes.ts";
import { templateTestRoutes } from "./notifications/test-routes.ts";
import { gateRoutes } from "./operations/gate-routes.ts";
import { stopRoutes } from "./operations/stop-routes.ts";
import { systemHealthRoutes } from "./operations/health-routes.ts";
import { metricsRoutes } from "./operations/metrics-routes.ts";
import { healthRoutes } from "./operations/probe-routes.ts";
import { processRoutes } from "./operations/process-routes.ts";
import { providerRoutes } from "./operations/provider-routes.ts";
import { queueRoutes } from "./operations/queue-routes.ts";
import { sealingRoutes } from "./operations/sealing-routes.ts";
import { decisionPreviewRoutes } from "./policy/preview-routes.ts";
import { policyRoutes } from "./policy/routes.ts";
import { policySimulationRoutes } from "./policy/simulation-routes.ts";
import { messagePreviewRoutes } from "./previews/routes.ts";
import { pushKeyRoutes } from "./push/key-routes.ts";
import { receiptRoutes } from "./push/receipt-routes.ts";
import { pushScriptRoutes } from "./push/script-routes.ts";
import { recipientBulkRoutes } from "./recipients/bulk-routes.ts";
import { audienceRoutes } from "./recipients/audience-routes.ts";
import { erasureRoutes } from "./recipients/erase-routes.ts";
import { recipientImportRoutes } from "./recipients/import-routes.ts";
import { recipientLinkRoutes } from "./recipients/links-routes.ts";
import { recipientListRoutes } from "./recipients/list-routes.ts";
import { preferenceRoutes } from "./recipients/preference-routes.ts";
import { recipientRevealRoutes } from "./recipients/reveal-routes.ts";
import { recipientRoutes } from "./recipients/routes.ts";
import { segmentMemberRoutes } from "./recipients/segment-member-routes.ts";
import { timelineRoutes } from "./recipients/timeline-routes.ts";
import { recipientTokenRoutes } from "./recipients/token-routes.ts";
import { routingOrderRoutes } from "./routing-rules/order-routes.ts";
import { routingPreviewRoutes } from "./routing-rules/preview-routes.ts";
import { routingRuleRoutes } from "./routing-rules/routes.ts";
import { searchRoutes } from "./search/routes.ts";
import { preferenceLinkRoutes } from "./preference-centre/link-routes.ts";
import { preferenceCentreRoutes } from "./preference-centre/routes.ts";
import { pageAssetRoutes } from "./recipient-pages/asset-routes.ts";
import { scriptRoutes } from "./scripts/routes.ts";
import { statsRoutes } from "./stats/routes.ts";
import { segmentRoutes } from "./segments/routes.ts";
import { suppressionRoutes } from "./suppressions/routes.ts";
import { liveRoutes } from "./live/routes.ts";
import { layoutRoutes } from "./layouts/routes.ts";
import { webhookAttemptRoutes } from "./webhook-endpoints/attempt-routes.ts";
import { webhookEndpointRoutes } from "./webhook-endpoints/routes.ts";
import { webhookSecretRoutes } from "./webhook-endpoints/secret-routes.ts";
import { webhookSendingRoutes } from "./webhook-endpoints/sending-routes.ts";
import { savedViewRoutes } from "./views/routes.ts";
import { templatePreviewRoutes } from "./templates/preview-routes.ts";
import { templateRoutes } from "./templates/routes.ts";
import { templateVersionRoutes } from "./templates/version-routes.ts";

/**
 * The routes of each resource. Each factory makes a router of its own from the services of the process. The lists are tuples,
 * because in an array the type of a router with fewer routes would absorb the others.
 */
export const resources = {
  operations: [
    healthRoutes,
    metricsRoutes,
    queueRoutes,
    processRoutes,
    providerRoutes,
    gateRoutes,
    stopRoutes,
    systemHealthRoutes,
    sealingRoutes,
    alertRoutes,
  ],
  recipients: [
    recipientImportRoutes,
    recipientBulkRoutes,
    recipientListRoutes,
    recipientRoutes,
    recipientRevealRoutes,
    erasureRoutes,
    preferenceRoutes,
    recipientTokenRoutes,
    recipientLinkRoutes,
    timelineRoutes,
    segmentMemberRoutes,
    audienceRoutes,
  ],
  inbox: [inboxRoutes, inboxStreamRoutes],
  addresses: [addressRoutes, myAddressRoutes],
  push: [pushKeyRoutes, pushScriptRoutes, receiptRoutes],
  policy: [policyRoutes, decisionPreviewRoutes, policySimulationRoutes],
  notificationTypes: [notificationTypeRoutes],
  routingRules: [routingRuleRoutes, routingOrderRoutes, routingPreviewRoutes],
  segments: [segmentRoutes],
  suppressions: [suppressionRoutes],
  templates: [templateRoutes, templateVersionRoutes, templatePreviewRoutes, layoutRoutes],
  campaigns: [
    campaignRoutes,
    campaignEditRoutes,
    campaignRecallRoutes,
    campaignRevisionRoutes,
    campaignActionRoutes,
    campaignReportRoutes,
    campaignLinkRoutes,
  ],
  // A path with a name comes before the one with an id.
  notifications: [notificationListRoutes, notificationRoutes, templateTestRoutes, attachmentRoutes],
  previews: [messagePreviewRoutes],
  deliveries: [
    deliveryCountRoutes,
    deliveryExportRoutes,
    deliveryRoutes,
    deliveryMessageRoutes,
    deliveryChangeRoutes,
    groupRoutes,
  ],
  actions: [actionRoutes],
  unsubscribing: [unsubscribeRoutes],
  topics: [topicRoutes, topicImportRoutes, topicSubscriberRoutes, recipientTopicRoutes],
  signUp: [signUpRoutes, confirmRoutes],
  tracking: [trackingRoutes],
  browserView: [browserViewRoutes],
  inbound: [inboundRoutes],
  events: [
    eventRoutes,
    webhookEndpointRoutes,
    webhookSecretRoutes,
    webhookSendingRoutes,
    webhookAttemptRoutes,
  ],
  explanations: [explanationRoutes],
  access: [
    apiKeyRoutes,
    auditRoutes,
    sessionRoutes,
    openIdRoutes,
    sessionListRoutes,
    operatorRoutes,
    actorRoutes,
  ],
  search: [searchRoutes],
  views: [savedViewRoutes],
  live: [liveRoutes],
  analytics: [
    analyticsRoutes,
    analyticsPeopleRoutes,
    analyticsExportRoutes,
    analyticsReconciliationRoutes,
  ],
  stats: [statsRoutes],
  scripts: [scriptRoutes],
  recipientPages: [pageAssetRoutes],
  preferenceCentre: [preferenceLinkRoutes, preferenceCentreRoutes],
} as const;

type Router = ReturnType<(typeof resources)[keyof typeof resources][number]>;

/** The intersection of the members of a union. It is inferred from a parameter, where types are contravariant. */
type Intersection<Union> = (Union extends unknown ? (member: Union) => void : never) extends (
  all: infer All,
) => void
  ? All
  : never;

/** The API as its typed client sees it: every route of every resource. */
export type ApiRouter = OpenAPIHono<
  ApiEnv,
  Intersection<Router extends OpenAPIHono<ApiEnv, infer Schema> ? Schema : never> & object
>;
