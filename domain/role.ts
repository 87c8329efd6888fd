/** What a caller of the API may do, the most first: each may do all that those after it may. */
export const roles = ["admin", "sender", "viewer", "metrics"] as const;
export type Role = (typeof roles)[number];

/** May who has the role `given` do what needs `needed`? */
export function includesRole(given: Role, needed: Role): boolean {
  return roles.indexOf(given) <= roles.indexOf(needed);
}
