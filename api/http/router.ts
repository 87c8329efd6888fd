import { createRoute, OpenAPIHono, type RouteConfig, z } from "@hono/zod-openapi";
import type { MiddlewareHandler } from "hono";
import type { Pool } from "pg";
import type { Logger } from "pino";
import type { Sender } from "../../domain/address.ts";
import type { OperatorRole, Role } from "../../domain/role.ts";
import { type Scope, scopeOf } from "../../domain/scope.ts";
import type { KeptSealer } from "../../ledger/sealer.ts";
import type { RecipientPurpose } from "../../domain/tokens.ts";
import type { NotificationHub } from "../../ledger/notification-hub.ts";
import type { Subnet } from "../../lib/outbound/addresses.ts";
import type { OutboundRules } from "../../lib/outbound/target.ts";
import type { PrismaClient } from "../../prisma/generated/client.ts";
import { requireKey } from "./auth.ts";
import type { ApiEnv } from "./context.ts";
import type { ApiMetrics } from "./metrics.ts";
import type { ConsolePlace } from "./own-pages.ts";
import { invalid, problemDetails } from "./problem.ts";
import type { RouteClassName } from "./route-classes.ts";
import { fieldErrors } from "./validation.ts";
import type { HitBuffer } from "../tracking/hit-buffer.ts";
import type { Background } from "./background.ts";
import type { Brand } from "../recipient-pages/brand.ts";
import type { Wakes } from "../wakes.ts";

/** The dependencies of an app. The code that creates the app also closes them. */
export interface ApiDeps {
  prisma: PrismaClient;
  /** Connections for statements that must be fast, are planned for the values of each request, or must not go through Prisma (api/http/pool.ts). */
  pool: Pool;
  /** Connections for the statement that accepts notifications, and for nothing else. */
  acceptPool: Pool;
  /** Connections for the look-ups of authentication and accepting, and for nothing else. */
  lookupPool: Pool;
  /** Connections for routes that need no key, and for nothing else. */
  publicPool: Pool;
  /** Encrypts what must not be stored in clear. */
  sealer: KeptSealer;
  /** The notifications of the database. */
  hub: NotificationHub;
  wakes: Wakes;
  /** Gathers what is tracked of emails. */
  hits: HitBuffer;
  /** Does what strangers ask for, after they are answered. */
  background: Background;
  /** Resolves if Temporal responds soon, and otherwise rejects. */
  probeTemporal: () => Promise<void>;
  logger: Logger;
  /** Metrics that other parts of the process share. By default the app has its own. */
  metrics?: ApiMetrics;
  /** Middleware that traces requests, if traces are collected. */
  traceRequests?: MiddlewareHandler<ApiEnv>;
  config: ApiConfig;
  clock: () => Date;
}

interface ApiConfig {
  /** The origins whose pages may read the answers of routes for recipients, each as a browser sends it. */
  corsOrigins: readonly string[];
  /** The streams of inboxes that may be open at once. */
  inboxStreams: number;
  /** The time between two heartbeats of a stream, in milliseconds: 25 seconds by default for an inbox, 15 for the console. */
  heartbeatMs?: number;
  console: ConsoleConfig;
  alerts: AlertConfig;
  /** The OpenID provider through which people sign in to the console; null if there is none. */
  openId: OpenIdSettings | null;
  /** The bootstrap key, of the role `admin`. */
  apiKey: string;
  /** Secrets that sign the tokens and links of recipients, the newest first (domain/tokens.ts). */
  tokenSecrets: readonly string[];
  bodyLimitBytes: number;
  /** The hosts that a Host header may name; null allows every host. */
  allowedHosts: readonly string[] | null;
  /** The URL at which recipients reach the API, without a trailing slash. */
  publicUrl: string;
  /** The host, with its port if that is not the usual one, under which only tracking is served; null if there is none. */
  trackingHost: string | null;
  /** The number of proxies before the API that append the address of a caller to X-Forwarded-For. */
  trustedProxies: number;
  /** The rate limit of each key that has none of its own. */
  requestsPerMinute: number;
  mailboxShards: number;
  campaignLanes: number;
  /** The sender of emails for which nothing else names one. */
  sender: Sender;
  /** How the pages for recipients look. */
  brand: Brand;
  /** Domains that emails may be sent from, in their ASCII form. */
  mailDomains: readonly string[];
  /** The public key with which browsers subscribe to push; null if this installation has no keys for push. */
  vapidPublicKey: string | null;
  /** Which endpoints of push services are accepted. */
  endpoints: EndpointRules;
  /** To which URLs events may be sent. */
  outbound: OutboundRules;
  /** What the providers of email report, and to whom messages are returned. */
  inbound: InboundConfig;
  /** Deliveries of notifications that may be due and unsent at once. */
  maxUnsent: number;
  /** Deliveries of notifications that may be scheduled or held for later at once. */
  maxScheduled: number;
  /** The share of one recipient in the limits on deliveries. */
  maxUnsentPerRecipient: number;
}

/** The secrets of providers that report what became of messages (api/inbound/). A provider without one cannot report. */
interface InboundConfig {
  /** The domain of return addresses; null if there is none. */
  bounceDomain: string | null;
  /** The topics of Amazon SNS to which SES publishes. */
  sesTopics: readonly string[];
  /** The public key of SendGrid, in base64. */
  sendGridKey: string | null;
  mailgunKeys: readonly string[];
  postmarkSecrets: readonly string[];
}

/** How people sign in through an OpenID provider (api/access/openid-provider.ts). */
export interface OpenIdSettings {
  issuer: string;
  clientId: string;
  clientSecret: string;
  /** The scopes to ask for, separated by spaces. */
  scopes: string;
  /** The claim of the ID token with the groups of a person. */
  groupsClaim: string;
  /** The role that each group has; the group `*` is everybody. */
  roles: readonly { group: string; role: OperatorRole }[];
  /** The address of the callback route. */
  redirectUri: string;
}

/** How operators get to know of what they should act on (api/alerts/watch.ts). */
interface AlertConfig {
  /** The external ids of the recipients who are notified. */
  recipients: readonly string[];
  /** How often the system is looked at, in milliseconds; null if this process leaves that to others. */
  everyMs: number | null;
}

export interface ConsoleConfig extends ConsolePlace {
  /** The folder with the built console; it need not exist. */
  folder: string;
  /** The streams of the console that may be open at once. */
  streams: number;
  /** Where Temporal's web interface lists the workflows of this installation; null if it is not known. */
  temporalUrl: string | null;
  /** How the console shows which installation this is; the name is null if it has none. */
  environment: { name: string | null; color: string };
}

/** Which endpoints of push services recipients may register (api/addresses/endpoint.ts). */
export interface EndpointRules {
  /** Hosts of push services besides the known ones (domain/push-services.ts). */
  pushServices: readonly string[];
  /** Ranges of addresses that are not public but allowed. Endpoints on them may use http and `ports`. */
  privateSubnets: readonly Subnet[];
  /** Ports on private addresses that are allowed besides 443 and 80. */
  ports: readonly number[];
}

/** Makes a router that refuses a request with a problem if it does not match the schemas of its route. */
export function createRouter(options: { getPath?: (request: Request) => string } = {}) {
  return new OpenAPIHono<ApiEnv>({
    ...options,
    defaultHook: (result, c) => {
      if (result.success) return;
      const sources = {
        json: "body",
        form: "body",
        query: "query",
        param: "path",
        header: "header",
        cookie: "header",
      } as const;
      const errors = fieldErrors(result.error, sources[result.target]);
      throw invalid(
        errors.map((error) =>
          error.in === "query" && (c.req.queries(error.field)?.length ?? 0) > 1
            ? { ...error, message: "must be given only once" }
            : error,
        ),
      );
    },
  });
}

/**
 * Who may use a route: keys, and sessions of keys, of at least a role; recipients with a token; everybody; or, for `session`, browsers that sign in
 * or have signed in. All routes of a path take the same of these.
 */
export type Access = Role | "recipient" | "public" | "session";

/** The role that a route needs; null if it takes no keys. */
export const roleOf = (access: Access): Role | null =>
  access === "public" || access === "recipient" || access === "session" ? null : access;

/** The extensions of the OpenAPI document that hold the access and the scope of a route. */
export const accessExtension = "x-tidings-role";
const scopeExtension = "x-tidings-scope";
/** The extension that holds the class of a route. The document does not show it. */
export const classExtension = "x-tidings-class";
/** The extension that holds the purpose that a recipient's token must have. */
const purposeExtension = "x-tidings-purpose";
/** The extension of routes that need a proof of who uses a session. */
const proofExtension = "x-tidings-proof";
/** The extension of routes that take a body of any media type. The document does not show it. */
export const rawBodyExtension = "x-tidings-raw-body";
/** The extension of routes that pages of other origins may use. The document does not show it. */
export const crossOriginExtension = "x-tidings-cross-origin";

interface Admission {
  access: Access;
  /** The class of the route (api/http/route-classes.ts). By default it follows from `access` and the method. */
  class?: RouteClassName;
  /** The scope that a limited key must have. By default it follows from the path, the method and the role. */
  scope?: Scope;
  /** The purpose that a token must have for a route of recipients: by default `preferences`. */
  purpose?: RecipientPurpose;
  /** Whether pages of the configured origins may use the route. By default they may use the routes of recipients only. */
  crossOrigin?: boolean;
  /** Whether the route takes a body of any media type as bytes (`rawBody`). By default a body is JSON. */
  takesRawBody?: boolean;
  /** Whether a session may use the route only within ten minutes of a proof of who uses it (api/http/proof.ts). By default it may at any time. */
  needsProof?: boolean;
}

/**
 * Defines a route, as `createRoute` does. Only callers whose key has the role `access` and the scope of the route may use it. The route
 * refuses unknown query parameters, because a misspelt filter must not match everything. Its class limits its requests. Every route
 * must be defined by this function: a test finds those in the table of routes that are not.
 */
export function defineRoute<
  Path extends string,
  Config extends Omit<RouteConfig, "path"> & { path: Path } & Admission,
>({
  access,
  class: givenClass,
  scope: givenScope,
  purpose: givenPurpose,
  crossOrigin = access === "recipient",
  needsProof = false,
  takesRawBody = false,
  ...config
}: Config) {
  const query = config.request?.query;
  const role = roleOf(access);
  const scope = role && (givenScope ?? scopeOf(config.method, config.path, role));
  const route = createRoute({
    ...config,
    ...(query instanceof z.ZodObject && { request: { ...config.request, query: query.strict() } }),
    [accessExtension]: access,
    [classExtension]: givenClass ?? classOf(access, config.method),
    ...(scope && { [scopeExtension]: scope }),
    ...(access === "recipient" && { [purposeExtension]: givenPurpose ?? "preferences" }),
    [crossOriginExtension]: crossOrigin,
    ...(needsProof && { [proofExtension]: true }),
    ...(takesRawBody && { [rawBodyExtension]: true }),
    security: securityOf(access),
    ...(role && scope && { middleware: requireKey({ role, scope }) }),
  } as RouteConfig);
  return route as unknown as ReturnType<typeof createRoute<Path, Config>>;
}

function classOf(access: Access, method: string): RouteClassName {
  if (access === "session") return "public";
  if (access === "public" || access === "recipient") return access;
  return method === "get" ? "read" : "change";
}

/** A row of the table of all routes. */
export interface TableRow {
  /** The method in capitals. */
  method: string;
  path: string;
  access: Access;
  /** Null if the route takes no key. */
  scope: Scope | null;
  class: RouteClassName;
  /** The purpose that a recipient's token must have; null for a route that takes no such token. */
  purpose: RecipientPurpose | null;
  /** Whether pages of the configured origins may use the route. */
  crossOrigin: boolean;
  /** Whether a session needs a recent proof of who uses it. */
  needsProof: boolean;
  /** Whether the route reads its body. A route that does not ignores any body. */
  readsBody: boolean;
  /** Whether its body is a form, as a page without a script sends it, and not JSON. */
  readsForm: boolean;
  /** Whether the route takes the bytes of its body, of any media type. */
  takesRawBody: boolean;
}

/** Makes the row of a route that was defined by `defineRoute`. */
export function tableRow(route: RouteConfig): TableRow {
  const {
    [accessExtension]: access,
    [scopeExtension]: scope = null,
    [classExtension]: className,
    [purposeExtension]: purpose = null,
    [crossOriginExtension]: crossOrigin,
    [proofExtension]: needsProof,
    [rawBodyExtension]: takesRawBody,
  } = route as RouteConfig & Record<string, unknown>;
  return {
    method: route.method.toUpperCase(),
    path: route.path,
    access: access as Access,
    scope: scope as Scope | null,
    class: className as RouteClassName,
    purpose: purpose as RecipientPurpose | null,
    crossOrigin: crossOrigin === true,
    needsProof: needsProof === true,
    readsBody: route.request?.body !== undefined,
    readsForm: route.request?.body?.content[formType] !== undefined,
    takesRawBody: takesRawBody === true,
  };
}

function securityOf(access: Access) {
  if (access === "public") return [];
  if (access === "session") return [{ session: [] }];
  return access === "recipient" ? [{ recipientToken: [] }] : [{ apiKey: [] }];
}

const formType = "application/x-www-form-urlencoded";

/** Makes the `request.body` of a route that takes the form of a page. */
export const formContent = <Schema extends z.ZodType>(schema: Schema) => ({
  required: true,
  content: { [formType]: { schema } } as { [type in typeof formType]: { schema: Schema } },
});

/** Makes the `request.body` of a route that takes JSON. */
export const jsonContent = <Schema extends z.ZodType>(schema: Schema) => ({
  required: true,
  content: { "application/json": { schema } },
});

/** Makes the `responses` of a route: the successful one, and problems. */
export function responses<Status extends number, Schema extends z.ZodType>(
  status: Status,
  description: string,
  schema: Schema,
) {
  const expected = { description, content: { "application/json": { schema } } };
  return { [status]: expected, ...problemResponse } as {
    [S in Status]: typeof expected;
  } & typeof problemResponse;
}

const problem = {
  description: "A problem (RFC 9457)",
  content: { "application/problem+json": { schema: problemDetails } },
};

/** The problem responses by class of status, so that the types of a client distinguish success from a problem. The document lists each status. */
export const problemResponse = { "4XX": problem, "5XX": problem };
