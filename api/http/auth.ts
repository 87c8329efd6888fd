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

/** The limit of one recipient, which is enough to look at preferences and to change them. */
const recipientRequestsPerMinute = 120;

/**
 * Lets requests through that bear a valid key as `Authorization: Bearer`, and sets the variable `caller`; on paths for
 * recipients it takes a valid token of a recipient, and sets `recipientId` too. All others get a 401.
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
  /** The epoch of a recipient, a UUID, of which a token has to be; null where there is no such recipient. */
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
            verified.fault === "expired" ? "The token has expired: ask for another." : help,
            secret,
          );
        const { recipientId, epoch } = verified.claims;
        const current = await epochOf(recipientId);
        if (current !== null && current !== epoch)
          throw unauthorized("The token has been called back: ask for another.", secret);
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

/** What a route asks of its callers' keys. */
export interface Required {
  role: Role;
  scope: Scope;
}

/** Throws the 403 of a caller whose key may not do what is required. */
export function requireRight({ role, scopes }: Caller, needed: Required): void {
  if (role === null || !includesRole(role, needed.role))
    throw new Problem(
      "forbidden",
      `This needs a key of the role ${needed.role}; yours is a ${role ?? "recipient"}'s.`,
    );
  if (!includesScope(scopes, needed.scope))
    throw new Problem(
      "forbidden",
      `This needs the scope ${needed.scope}; your key is narrowed to ${scopes?.join(", ")}.`,
    );
}

/** Lets through callers whose key may do what is required; the others get a 403. */
export const requireKey = (needed: Required) =>
  createMiddleware<ApiEnv>(async (c, next) => {
    requireRight(c.get("caller"), needed);
    await next();
  });
