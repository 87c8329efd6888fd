/** The roles of API keys, the most powerful first: each role includes those after it. */
export const roles = ["admin", "sender", "viewer", "metrics"] as const;
export type Role = (typeof roles)[number];

/** The roles of people who sign in to the console, the most powerful first. */
export const operatorRoles = ["admin", "sender", "viewer"] as const;
export type OperatorRole = (typeof operatorRoles)[number];

/** Whether a caller with the role `given` may do what requires the role `needed`. */
export function includesRole(given: Role, needed: Role): boolean {
  return roles.indexOf(given) <= roles.indexOf(needed);
}
