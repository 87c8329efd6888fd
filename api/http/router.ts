import { createRoute, OpenAPIHono, type RouteConfig, z } from "@hono/zod-openapi";
import type { MiddlewareHandler } from "hono";
import type { Pool } from "pg";
import type { Logger } from "pino";
import type { Role } from "../../domain/role.ts";
import { type Scope, scopeOf } from "../../domain/scope.ts";
import type { PrismaClient } from "../../prisma/generated/client.ts";
import { requireKey } from "./auth.ts";
import type { ApiEnv } from "./context.ts";
import type { ApiMetrics } from "./metrics.ts";
import { invalid, problemDetails } from "./problem.ts";
import type { RouteClassName } from "./route-classes.ts";
import { fieldErrors } from "./validation.ts";
import type { Wakes } from "../wakes.ts";

/** What an app is made from. Its maker closes what needs closing. */
export interface ApiDeps {
  prisma: PrismaClient;
  /** Connections for statements that must be fast, are planned for the values at hand, or must not go through Prisma (api/http/pool.ts). */
  pool: Pool;
  /** Connections for the statement that accepts notifications, and for nothing else. */
  acceptPool: Pool;
  /** Connections for what is looked up to let a request in and to accept, and for nothing else. */
  lookupPool: Pool;
  /** Connections for routes that need no key, and for nothing else. */
  publicPool: Pool;
  wakes: Wakes;
  /** Resolves if Temporal answers, soon; rejects if it does not. */
  probeTemporal: () => Promise<void>;
  logger: Logger;
  /** Metrics that the process counts into elsewhere too. By default the app has its own. */
  metrics?: ApiMetrics;
  /** Middleware that traces requests, where traces are collected. */
  traceRequests?: MiddlewareHandler<ApiEnv>;
  config: ApiConfig;
  clock: () => Date;
}

interface ApiConfig {
  /** The first key, of the role `admin`. */
  apiKey: string;
  /** Sign what recipients hold: the newest comes first (domain/tokens.ts). */
  tokenSecrets: readonly string[];
  bodyLimitBytes: number;
  /** The names that the service goes by in a Host header; null: any. */
  allowedHosts: readonly string[] | null;
  /** Proxies before the API that tell the address of a caller in X-Forwarded-For. */
  trustedProxies: number;
  /** The limit of each key that has none of its own. */
  requestsPerMinute: number;
  mailboxShards: number;
  campaignLanes: number;
  /** Domains that mails may be from, in their ASCII form. */
  mailDomains: readonly string[];
  /** Deliveries of notifications that may be due and not sent yet, be for later, and wait for each recipient. */
  maxUnsent: number;
  maxScheduled: number;
  maxUnsentPerRecipient: number;
}

/** Makes a router that refuses a request with a problem where a schema finds a fault. */
export function createRouter() {
  return new OpenAPIHono<ApiEnv>({
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
            ? { ...error, message: "must be given once" }
            : error,
        ),
      );
    },
  });
}

/** Who may use a route: the least role, a recipient for themselves, or everybody. All routes of a path take keys, or tokens, or neither. */
export type Access = Role | "recipient" | "public";

/** The extensions of the OpenAPI document that hold the access and the scope of a route. */
export const accessExtension = "x-tidings-role";
const scopeExtension = "x-tidings-scope";
/** The class of a route, which the document does not show. */
export const classExtension = "x-tidings-class";

interface Admission {
  access: Access;
  /** How its requests are let in; it follows from `access` and the method where nothing is said (api/http/route-classes.ts). */
  class?: RouteClassName;
  /** What of it a narrowed key must have; it follows from the path, the method and the role where nothing is said. */
  scope?: Scope;
}

/**
 * A route, as `createRoute` makes it, which only callers of the role `access` reach whose key has its scope, and which refuses
 * parameters that its query does not know: a filter that is misspelt must not mean everything. Its class says how much of it is
 * let in at once, with what body and by when. The only way to define one: a test walks the
 * table of routes and finds those that were defined otherwise.
 */
export function defineRoute<
  Path extends string,
  Config extends Omit<RouteConfig, "path"> & { path: Path } & Admission,
>({ access, class: named, scope: narrowed, ...config }: Config) {
  const query = config.request?.query;
  const role = access === "public" || access === "recipient" ? null : access;
  const scope = role && (narrowed ?? scopeOf(config.method, config.path, role));
  const route = createRoute({
    ...config,
    ...(query instanceof z.ZodObject && { request: { ...config.request, query: query.strict() } }),
    [accessExtension]: access,
    [classExtension]: named ?? classOf(access, config.method),
    ...(scope && { [scopeExtension]: scope }),
    security: securityOf(access),
    ...(role && scope && { middleware: requireKey({ role, scope }) }),
  } as RouteConfig);
  return route as unknown as ReturnType<typeof createRoute<Path, Config>>;
}

function classOf(access: Access, method: string): RouteClassName {
  if (access === "public" || access === "recipient") return access;
  return method === "get" ? "read" : "change";
}

/** A route as the table of all of them has it. */
export interface TableRow {
  /** The method in capitals. */
  method: string;
  path: string;
  access: Access;
  /** Null where no key is asked for. */
  scope: Scope | null;
  class: RouteClassName;
  /** Whether it reads what a body says; one that does not takes any. */
  readsBody: boolean;
}

/** The row of the table of a route that `defineRoute` made. */
export function tableRow(route: RouteConfig): TableRow {
  const {
    [accessExtension]: access,
    [scopeExtension]: scope = null,
    [classExtension]: named,
  } = route as RouteConfig & Record<string, unknown>;
  return {
    method: route.method.toUpperCase(),
    path: route.path,
    access: access as Access,
    scope: scope as Scope | null,
    class: named as RouteClassName,
    readsBody: route.request?.body !== undefined,
  };
}

function securityOf(access: Access) {
  if (access === "public") return [];
  return access === "recipient" ? [{ recipientToken: [] }] : [{ apiKey: [] }];
}

/** The `request.body` of a route that takes JSON. */
export const jsonContent = <Schema extends z.ZodType>(schema: Schema) => ({
  required: true,
  content: { "application/json": { schema } },
});

/** The `responses` of a route: the expected answer, and problems. */
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

/** Problems by class of status, so that the types of a client tell an answer from a problem. The document lists each status. */
export const problemResponse = { "4XX": problem, "5XX": problem };
