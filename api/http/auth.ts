import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import { publicId } from "../../domain/ids.ts";
import { includesRole, type Role } from "../../domain/role.ts";
import { includesScope, type Scope } from "../../domain/scope.ts";
import type { RecipientPurpose, Tokens } from "../../domain/tokens.ts";
import type { ApiEnv } from "./context.ts";
import type { Caller, Keyring } from "./keyring.ts";
import { type ConsolePlace, requireOwnPage } from "./own-pages.ts";
import { Problem } from "./problem.ts";
import { readSessionCookie, type Session, type Sessions } from "./sessions.ts";

/** How the callers of a path authenticate: `session` is the way of the routes for signing in and out. */
export type Scheme = "none" | "key" | "recipient" | "session";

/** What a valid token of a recipient grants, and until when. */
export interface RecipientToken {
  purposes: readonly RecipientPurpose[];
  epoch: number;
  expiresAt: Date;
}

/** The recipient who holds a token, as far as the validity of tokens depends on them. */
export interface TokenHolder {
  /** The epoch that a token must have. */
  epoch: number;
  isErased: boolean;
}

/** The rate limit of one recipient, which is enough to read and change preferences. */
const recipientRequestsPerMinute = 120;

/**
 * Authenticates requests. It accepts a valid key as `Authorization: Bearer`, or the cookie of a session if a page of the console sent the request,
 * and sets the variable `caller`. On paths for recipients it accepts a valid token of a recipient instead, and sets `recipientId` too. All other
 * requests get a 401.
 */
export function authenticate({
  keyring,
  sessions,
  consolePlace,
  tokens,
  holderOf,
  clock,
  schemeOf,
}: {
  keyring: Pick<Keyring, "findCaller">;
  sessions: Pick<Sessions, "find" | "isInForce">;
  consolePlace: ConsolePlace;
  tokens: Pick<Tokens, "verifyRecipientToken">;
  /** Reads the holder of a token by the UUID of the recipient; null if the recipient does not exist. */
  holderOf: (recipientId: string) => Promise<TokenHolder | null>;
  clock: () => Date;
  schemeOf: (path: string) => Scheme;
}) {
  /** Finds the session of a request, which a page of the console must have sent. Throws a 401 if there is none. */
  async function findSession(c: Context<ApiEnv>): Promise<Session> {
    const cookie = readSessionCookie(c);
    if (cookie === undefined) throw unauthorized(keyHelp, undefined);
    requireOwnPage(c, consolePlace);
    const session = await sessions.find(cookie);
    if (!session) throw unauthorized("The session has ended. Sign in again.", cookie);
    c.set("isStillValid", () => sessions.isInForce(cookie));
    return session;
  }

  return createMiddleware<ApiEnv>(async (c, next) => {
    const scheme = schemeOf(c.req.path);
    if (scheme !== "none") {
      const [, secret] = /^Bearer +(\S+) *$/i.exec(c.req.header("authorization") ?? "") ?? [];
      if (scheme === "session") {
        requireOwnPage(c, consolePlace);
        // A person who signs in has no session yet, or one that is replaced.
        if (c.req.method !== "POST") useSession(c, await findSession(c));
      } else if (scheme === "key" && secret === undefined) {
        useSession(c, await findSession(c));
      } else if (scheme === "key") {
        const caller = await keyring.findCaller(secret!);
        if (!caller) throw unauthorized(keyHelp, secret);
        c.set("caller", caller);
        c.set("isStillValid", async () => (await keyring.findCaller(secret!)) !== null);
      } else {
        const help = "Send a recipient's token as Authorization: Bearer <token>.";
        if (secret === undefined) throw unauthorized(help, secret);
        const verified = await tokens.verifyRecipientToken(secret, clock());
        if ("fault" in verified)
          throw unauthorized(
            verified.fault === "expired" ? "The token has expired. Request a new one." : help,
            secret,
          );
        const { recipientId, ...token } = verified.claims;
        const holder = await holderOf(recipientId);
        if (holder !== null && holder.epoch !== token.epoch)
          throw unauthorized("The token has been revoked. Request a new one.", secret);
        const purpose = c.get("route")?.purpose;
        // The routes of preferences answer that the recipient was erased.
        if (holder?.isErased && purpose !== "preferences")
          throw unauthorized("The recipient of this token was erased.", secret);
        if (purpose && !token.purposes.includes(purpose)) throw lacksPurpose(purpose);
        c.set("recipientId", recipientId);
        c.set("recipientToken", token);
        c.set("caller", recipientCaller(recipientId));
      }
    }
    await next();
  });
}

/** A recipient as the caller of a request for themselves. */
export const recipientCaller = (recipientId: string): Caller => ({
  id: "recipient",
  scope: publicId("recipient", recipientId),
  role: null,
  scopes: null,
  requestsPerMinute: recipientRequestsPerMinute,
});

const keyHelp = "Send an API key as Authorization: Bearer <key>.";

function useSession(c: Context<ApiEnv>, session: Session): void {
  c.set("session", session);
  c.set("caller", session.caller);
}

/** Makes the problem of a request without a valid key, token or session. */
export function unauthorized(detail: string, sent: string | undefined): Problem {
  const challenge = 'Bearer realm="tidings"';
  return new Problem("unauthorized", detail, {
    headers: {
      "WWW-Authenticate": sent === undefined ? challenge : `${challenge}, error="invalid_token"`,
    },
  });
}

/** The problem of a valid token that was not issued for the purpose of the route. */
const lacksPurpose = (purpose: RecipientPurpose) =>
  new Problem(
    "forbidden",
    `This token was not issued for the purpose ${purpose}. Request one with that purpose.`,
    { headers: { "WWW-Authenticate": 'Bearer realm="tidings", error="insufficient_scope"' } },
  );

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
        : `This operation needs the role ${needed.role}. Your role is ${role}.`,
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
