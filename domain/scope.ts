import { includesRole, type Role } from "./role.ts";

/** What keys can be narrowed to, `<resource>:read` or `<resource>:write`, each with the least role that it is of use to. */
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
  "policy:read": "viewer",
  "policy:write": "admin",
  "operations:read": "viewer",
  "operations:write": "admin",
  "api-keys:read": "admin",
  "api-keys:write": "admin",
  "audit:read": "admin",
  metrics: "metrics",
} as const satisfies Record<string, Role>;

export type Scope = keyof typeof scopeRoles;
export const scopes = Object.keys(scopeRoles) as [Scope, ...Scope[]];

/** The resource of what stands at a path, by the first part of the path after the version. */
const resources: Record<string, string> = {
  recipients: "recipients",
  tombstones: "recipients",
  segments: "segments",
  suppressions: "suppressions",
  templates: "templates",
  campaigns: "campaigns",
  notifications: "notifications",
  deliveries: "deliveries",
  groups: "deliveries",
  explanations: "deliveries",
  events: "events",
  policy: "policy",
  policies: "policy",
  decisions: "policy",
  "notification-types": "policy",
  queues: "operations",
  providers: "operations",
  gates: "operations",
  health: "operations",
  "api-keys": "api-keys",
  audit: "audit",
};

/** The scope of an operation at a path. What a viewer may do is to read, whatever its method. */
export function scopeOf(method: string, path: string, role: Role): Scope {
  if (path === "/metrics") return "metrics";
  const resource = resources[/^\/v1\/([^/]+)/.exec(path)?.[1] ?? ""];
  const scope = `${resource}:${method === "get" || role === "viewer" ? "read" : "write"}`;
  if (scope in scopeRoles) return scope as Scope;
  throw new Error(`no scope is known for ${method} ${path}: add its resource to domain/scope.ts`);
}

/** The scopes that are of no use to a key of a role. */
export const uselessScopes = (role: Role, wanted: readonly Scope[]): Scope[] =>
  wanted.filter((scope) => !includesRole(role, scopeRoles[scope]));

/** May a key that is narrowed to `given`, or to nothing where that is null, do what needs `needed`? */
export const includesScope = (given: readonly Scope[] | null, needed: Scope): boolean =>
  given === null || given.includes(needed);

/** May a key that is narrowed to `given` do all that one narrowed to `other` may? */
export const includesScopes = (
  given: readonly Scope[] | null,
  other: readonly Scope[] | null,
): boolean => given === null || (other !== null && other.every((scope) => given.includes(scope)));
