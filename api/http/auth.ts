import { createMiddleware } from "hono/factory";
import { publicId } from "../../domain/ids.ts";
import { includesRole, type Role } from "../../domain/role.ts";
import { includesScope, type Scope } from "../../domain/scope.ts";
import type { Tokens } from "../../domain/tokens.ts";
import type { ApiEnv } from "./context.ts";
import type { Caller, Keyring } from "./keyring.ts";
import { Problem } from "./problem.ts";

/** How the callers of a path authenticate. */
export type Scheme = "none" | "key" | "recipient";

/** The rate limit of one recipient, which is enough to read and change preferences. */
const recipientRequestsPerMinute = 120;

/**
 * Authenticates requests. It accepts a valid key as `Authorization: Bearer` and sets the variable `caller`. On paths for recipients it
 * accepts a valid token of a recipient instead, and sets `recipientId` too. All other requests get a 401.
 */
export function authenticate({
  keyring,
  tokens,
  epochOf,
  clock,
  schemeOf,
}: {
  keyring: Keyring;
  tokens: Pick<Tokens, "verifyRecipientToken">;
  /** Reads the epoch that a token of a recipient, a UUID, must have; null if the recipient does not exist. */
  epochOf: (recipientId: string) => Promise<number | null>;
  clock: () => Date;
  schemeOf: (path: string) => Scheme;
}) {
  return createMiddleware<ApiEnv>(async (c, next) => {
    const scheme = schemeOf(c.req.path);
    if (scheme !== "none") {
      const [, secret] = /^Bearer +(\S+) *$/i.exec(c.req.header("authorization") ?? "") ?? [];
      if (scheme === "key") {
        const caller = secret === undefined ? null : await keyring.findCaller(secret);
        if (!caller) throw unauthorized("Send an API key as Authorization: Bearer <key>.", secret);
        c.set("caller", caller);
      } else {
        const help = "Send a recipient's token as Authorization: Bearer <token>.";
        if (secret === undefined) throw unauthorized(help, secret);
        const verified = await tokens.verifyRecipientToken(secret, clock());
        if ("fault" in verified)
          throw unauthorized(
            verified.fault === "expired" ? "The token has expired. Request a new one." : help,
            secret,
          );
        const { recipientId, epoch } = verified.claims;
        const current = await epochOf(recipientId);
        if (current !== null && current !== epoch)
          throw unauthorized("The token has been revoked. Request a new one.", secret);
        c.set("recipientId", recipientId);
        c.set("caller", {
          id: "recipient",
          scope: publicId("recipient", recipientId),
          role: null,
          scopes: null,
          requestsPerMinute: recipientRequestsPerMinute,
        });
      }
    }
    await next();
  });
}

function unauthorized(detail: string, sent: string | undefined): Problem {
  const challenge = 'Bearer realm="tidings"';
  return new Problem("unauthorized", detail, {
    headers: {
      "WWW-Authenticate": sent === undefined ? challenge : `${challenge}, error="invalid_token"`,
    },
  });
}

/** The right that a route requires of its callers' keys. */
export interface Required {
  role: Role;
  scope: Scope;
}

/** Throws a 403 if the key of the caller lacks the required role or scope. */
export function requireRight({ role, scopes }: Caller, needed: Required): void {
  if (role === null || !includesRole(role, needed.role))
    throw new Problem(
      "forbidden",
      role === null
        ? `This operation needs an API key of the role ${needed.role}, not a recipient's token.`
        : `This operation needs the role ${needed.role}. The role of your key is ${role}: use another key.`,
    );
  if (!includesScope(scopes, needed.scope))
    throw new Problem(
      "forbidden",
      `This operation needs the scope ${needed.scope}. Your key is limited to ${scopes?.join(", ")}: use another key.`,
    );
}

/** Lets callers through whose key has the required role and scope. All others get a 403. */
export const requireKey = (needed: Required) =>
  createMiddleware<ApiEnv>(async (c, next) => {
    requireRight(c.get("caller"), needed);
    await next();
  });
