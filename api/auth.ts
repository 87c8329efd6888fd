import { createMiddleware } from "hono/factory";
import { includesRole, type Role } from "../domain/role.ts";
import type { ApiEnv } from "./context.ts";
import type { Keyring } from "./keyring.ts";
import { Problem } from "./problem.ts";

/** Lets through who sends a good key as `Authorization: Bearer`, as the variable `caller`; everyone else gets a 401. */
export function authenticate(keyring: Keyring, isPublic: (path: string) => boolean) {
  return createMiddleware<ApiEnv>(async (c, next) => {
    if (!isPublic(c.req.path)) {
      const [, token] = /^Bearer +(\S+) *$/i.exec(c.req.header("authorization") ?? "") ?? [];
      const caller = token === undefined ? null : await keyring.callerOf(token);
      if (!caller) {
        throw new Problem("unauthorized", "Send an API key as Authorization: Bearer <key>.", {
          headers: {
            "WWW-Authenticate":
              token === undefined
                ? 'Bearer realm="tidings"'
                : 'Bearer realm="tidings", error="invalid_token"',
          },
        });
      }
      c.set("caller", caller);
    }
    await next();
  });
}

/** Lets through callers whose role includes `needed`; the others get a 403. */
export function requireRole(needed: Role) {
  return createMiddleware<ApiEnv>(async (c, next) => {
    const { role } = c.get("caller");
    if (!includesRole(role, needed))
      throw new Problem(
        "forbidden",
        `This needs a key of the role ${needed}; yours is a ${role}'s.`,
      );
    await next();
  });
}
