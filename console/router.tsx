import {
  createRootRoute,
  createRoute,
  createRouter,
  retainSearchParams,
} from "@tanstack/react-router";
import { readAnalyticsSearch } from "./analytics/search.ts";
import { readAuditSearch } from "./audit/search.ts";
import { readCampaignPageSearch, readCampaignSearch } from "./campaigns/search.ts";
import { readDeliverySearch } from "./deliveries/search.ts";
import { readSettingsSearch } from "./settings/search.ts";
import { readRuleSearch } from "./routing/search.ts";
import { readNotificationSearch, readNotificationPageSearch } from "./notifications/search.ts";
import { readQueueSearch } from "./queue/search.ts";
import { readRecipientSearch, readRecipientsSearch } from "./recipients/search.ts";
import { readLayoutsSearch } from "./layouts/search.ts";
import { lazyRouteComponent } from "./shell/lazy-screen.ts";
import { Root } from "./shell/root.tsx";
import { ScreenFailed } from "./shell/screen-failed.tsx";
import { NotFound } from "./shell/not-found.tsx";
import { Broken } from "./shell/broken.tsx";
import { readTopicSearch, readTopicsSearch } from "./topics/search.ts";
import { readEditorSearch, readTemplatesSearch } from "./templates/search.ts";
import { parseSearch, readId, stringifySearch } from "./shell/url.ts";

// Everything that a screen shows can be read from its address: what it parses is all the state that it has.

/** What every address may have: the time zone that is shown, and the delivery that the drawer shows. */
interface RootSearch {
  tz?: "utc" | undefined;
  /** The drawer explains this delivery. */
  why?: string | undefined;
  /** The drawer describes this delivery. */
  peek?: string | undefined;
}

const root = createRootRoute({
  component: Root,
  notFoundComponent: NotFound,
  errorComponent: Broken,
  validateSearch: (raw: Record<string, unknown>): RootSearch => {
    const [why, peek] = [readId(raw["why"], "dlv"), readId(raw["peek"], "dlv")];
    // What is only left out, the router would keep as it is in the address.
    return {
      tz: raw["tz"] === "utc" ? "utc" : undefined,
      why,
      peek: why === undefined ? peek : undefined,
    };
  },
  search: { middlewares: [retainSearchParams(["tz"])] },
});

const overview = createRoute({
  getParentRoute: () => root,
  path: "/",
  component: lazyRouteComponent(() => import("./overview/screen.tsx"), "OverviewScreen"),
});

const deliveries = createRoute({
  getParentRoute: () => root,
  path: "/deliveries",
  validateSearch: readDeliverySearch,
  component: lazyRouteComponent(() => import("./deliveries/screen.tsx"), "DeliveriesScreen"),
});

const delivery = createRoute({
  getParentRoute: () => root,
  path: "/deliveries/$id",
  component: lazyRouteComponent(() => import("./deliveries/delivery-screen.tsx"), "DeliveryScreen"),
});

const campaigns = createRoute({
  getParentRoute: () => root,
  path: "/campaigns",
  validateSearch: readCampaignSearch,
  component: lazyRouteComponent(() => import("./campaigns/screen.tsx"), "CampaignsScreen"),
});

const campaign = createRoute({
  getParentRoute: () => root,
  path: "/campaigns/$id",
  validateSearch: readCampaignPageSearch,
  component: lazyRouteComponent(() => import("./campaigns/campaign-screen.tsx"), "CampaignScreen"),
});

const notifications = createRoute({
  getParentRoute: () => root,
  path: "/notifications",
  validateSearch: readNotificationSearch,
  component: lazyRouteComponent(() => import("./notifications/screen.tsx"), "NotificationsScreen"),
});

const notification = createRoute({
  getParentRoute: () => root,
  path: "/notifications/$id",
  validateSearch: readNotificationPageSearch,
  component: lazyRouteComponent(
    () => import("./notifications/notification-screen.tsx"),
    "NotificationScreen",
  ),
});

/** The builder is the same for a new campaign and for the one that it becomes. */
const builder = createRoute({
  getParentRoute: () => root,
  id: "builder",
  component: lazyRouteComponent(() => import("./builder/screen.tsx"), "BuilderScreen"),
});

const newCampaign = createRoute({ getParentRoute: () => builder, path: "/campaigns/new" });

const editedCampaign = createRoute({
  getParentRoute: () => builder,
  path: "/campaigns/$id/edit",
});

const queue = createRoute({
  getParentRoute: () => root,
  path: "/queue",
  validateSearch: readQueueSearch,
  component: lazyRouteComponent(() => import("./queue/screen.tsx"), "QueueScreen"),
});

const recipients = createRoute({
  getParentRoute: () => root,
  path: "/recipients",
  validateSearch: readRecipientsSearch,
  component: lazyRouteComponent(() => import("./recipients/screen.tsx"), "RecipientsScreen"),
});

const recipient = createRoute({
  getParentRoute: () => root,
  path: "/recipients/$id",
  validateSearch: readRecipientSearch,
  component: lazyRouteComponent(
    () => import("./recipients/recipient-screen.tsx"),
    "RecipientScreen",
  ),
});

const topics = createRoute({
  getParentRoute: () => root,
  path: "/topics",
  validateSearch: readTopicsSearch,
  component: lazyRouteComponent(() => import("./topics/screen.tsx"), "TopicsScreen"),
});

const topic = createRoute({
  getParentRoute: () => root,
  path: "/topics/$key",
  validateSearch: readTopicSearch,
  component: lazyRouteComponent(() => import("./topics/topic-screen.tsx"), "TopicScreen"),
});

const templates = createRoute({
  getParentRoute: () => root,
  path: "/templates",
  validateSearch: readTemplatesSearch,
  component: lazyRouteComponent(() => import("./templates/screen.tsx"), "TemplatesScreen"),
});

const audit = createRoute({
  getParentRoute: () => root,
  path: "/audit",
  validateSearch: readAuditSearch,
  component: lazyRouteComponent(() => import("./audit/screen.tsx"), "AuditScreen"),
});

const settings = createRoute({
  getParentRoute: () => root,
  path: "/settings",
  validateSearch: readSettingsSearch,
  component: lazyRouteComponent(() => import("./settings/screen.tsx"), "SettingsScreen"),
});

const confirmed = createRoute({
  getParentRoute: () => root,
  path: "/confirmed",
  component: lazyRouteComponent(() => import("./shell/confirmed.tsx"), "Confirmed"),
});

const routing = createRoute({
  getParentRoute: () => root,
  path: "/routing",
  component: lazyRouteComponent(() => import("./routing/screen.tsx"), "RoutingScreen"),
});

const newRule = createRoute({
  getParentRoute: () => root,
  path: "/routing/new",
  validateSearch: readRuleSearch,
  component: lazyRouteComponent(() => import("./routing/new-rule-screen.tsx"), "NewRuleScreen"),
});

const rule = createRoute({
  getParentRoute: () => root,
  path: "/routing/$key",
  validateSearch: readRuleSearch,
  component: lazyRouteComponent(() => import("./routing/rule-screen.tsx"), "RuleScreen"),
});

const providers = createRoute({
  getParentRoute: () => root,
  path: "/providers",
  component: lazyRouteComponent(() => import("./providers/screen.tsx"), "ProvidersScreen"),
});

const provider = createRoute({
  getParentRoute: () => root,
  path: "/providers/$name",
  component: lazyRouteComponent(() => import("./providers/provider-screen.tsx"), "ProviderScreen"),
});

const health = createRoute({
  getParentRoute: () => root,
  path: "/health",
  component: lazyRouteComponent(() => import("./health/screen.tsx"), "HealthScreen"),
});

const analytics = createRoute({
  getParentRoute: () => root,
  path: "/analytics",
  validateSearch: readAnalyticsSearch,
  component: lazyRouteComponent(() => import("./analytics/screen.tsx"), "AnalyticsScreen"),
});

const newTemplate = createRoute({
  getParentRoute: () => root,
  path: "/templates/new",
  validateSearch: readEditorSearch,
  component: lazyRouteComponent(() => import("./templates/new-screen.tsx"), "NewTemplateScreen"),
});

const template = createRoute({
  getParentRoute: () => root,
  path: "/templates/$key",
  validateSearch: readEditorSearch,
  component: lazyRouteComponent(() => import("./templates/template-screen.tsx"), "TemplateScreen"),
});

const layouts = createRoute({
  getParentRoute: () => root,
  path: "/layouts",
  validateSearch: readLayoutsSearch,
  component: lazyRouteComponent(() => import("./layouts/screen.tsx"), "LayoutsScreen"),
});

const newLayout = createRoute({
  getParentRoute: () => root,
  path: "/layouts/new",
  validateSearch: readEditorSearch,
  component: lazyRouteComponent(() => import("./layouts/new-screen.tsx"), "NewLayoutScreen"),
});

const layout = createRoute({
  getParentRoute: () => root,
  path: "/layouts/$key",
  validateSearch: readEditorSearch,
  component: lazyRouteComponent(() => import("./layouts/layout-screen.tsx"), "LayoutScreen"),
});

export const router = createRouter({
  routeTree: root.addChildren([
    overview,
    deliveries,
    delivery,
    campaigns,
    campaign,
    notifications,
    notification,
    builder.addChildren([newCampaign, editedCampaign]),
    queue,
    recipients,
    recipient,
    topics,
    topic,
    templates,
    audit,
    settings,
    confirmed,
    routing,
    newRule,
    rule,
    providers,
    provider,
    health,
    analytics,
    newTemplate,
    template,
    layouts,
    newLayout,
    layout,
  ]),
  basepath: "/console",
  defaultErrorComponent: ScreenFailed,
  parseSearch,
  stringifySearch,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
