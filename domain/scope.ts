import { includesRole, type Role } from "./role.ts";

/** The scopes to which API keys can be restricted, `<resource>:read` or `<resource>:write`, each with the lowest role that can use it. */
export const scopeRoles = {
  "recipients:read": "viewer",
  "recipients:write": "sender",
  "segments:read": "viewer",
  "segments:write": "sender",
  "suppressions:read": "viewer",
  "suppressions:write": "sender",
  "templates:read": "viewer",
  "templates:write": "sender",
  "campaigns:read": "viewer",
  "campaigns:write": "sender",
  "notifications:read": "viewer",
  "notifications:write": "sender",
  "deliveries:read": "viewer",
  "deliveries:write": "sender",
  "events:read": "viewer",
  "webhooks:read": "admin",
  "webhooks:write": "admin",
  "policy:read": "viewer",
  "policy:write": "admin",
  "operations:read": "viewer",
  "operations:write": "sender",
  "api-keys:read": "admin",
  "api-keys:write": "admin",
  "sessions:read": "admin",
  "sessions:write": "admin",
  "audit:read": "admin",
  metrics: "metrics",
} as const satisfies Record<string, Role>;

export type Scope = keyof typeof scopeRoles;
export const scopes = Object.keys(scopeRoles) as [Scope, ...Scope[]];

/** The resources of the API by the first part of the path after the version. */
const resources: Record<string, string> = {
  recipients: "recipients",
  tombstones: "recipients",
  topics: "recipients",
  audiences: "segments",
  segments: "segments",
  suppressions: "suppressions",
  templates: "templates",
  layouts: "templates",
  campaigns: "campaigns",
  notifications: "notifications",
  attachments: "notifications",
  deliveries: "deliveries",
  groups: "deliveries",
  explanations: "deliveries",
  stats: "deliveries",
  analytics: "deliveries",
  events: "events",
  "webhook-endpoints": "webhooks",
  policy: "policy",
  policies: "policy",
  decisions: "policy",
  "notification-types": "policy",
  "routing-rules": "policy",
  queues: "operations",
  providers: "operations",
  gates: "operations",
  health: "operations",
  processes: "operations",
  sealing: "operations",
  "api-keys": "api-keys",
  sessions: "sessions",
  operators: "sessions",
  "sign-in-codes": "sessions",
  stream: "operations",
  alerts: "operations",
  actors: "operations",
  search: "operations",
  views: "operations",
  audit: "audit",
};

/** The scope of an operation at a path. An operation that a viewer may use is a read, whatever its method. */
export function scopeOf(method: string, path: string, role: Role): Scope {
  if (path === "/metrics") return "metrics";
  const resource = resources[/^\/v1\/([^/]+)/.exec(path)?.[1] ?? ""];
  const scope = `${resource}:${method === "get" || role === "viewer" ? "read" : "write"}`;
  if (scope in scopeRoles) return scope as Scope;
  throw new Error(`no scope is known for ${method} ${path}: add its resource to domain/scope.ts`);
}

/** The scopes that a key of a role cannot use. */
export const uselessScopes = (role: Role, wanted: readonly Scope[]): Scope[] =>
  wanted.filter((scope) => !includesRole(role, scopeRoles[scope]));

/** Whether a key with the scopes `given` may do what requires the scope `needed`; null means that the key is not restricted. */
export const includesScope = (given: readonly Scope[] | null, needed: Scope): boolean =>
  given === null || given.includes(needed);

/** Whether a key with the scopes `given` may do everything that a key with the scopes `other` may; null means not restricted. */
export const includesScopes = (
  given: readonly Scope[] | null,
  other: readonly Scope[] | null,
): boolean => given === null || (other !== null && other.every((scope) => given.includes(scope)));
