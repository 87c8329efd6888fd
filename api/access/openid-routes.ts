import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import type { ApiEnv } from "../http/context.ts";
import { requireConsoleHost } from "../http/own-pages.ts";
import { Problem } from "../http/problem.ts";
import { provenUntil } from "../http/proof.ts";
import { createRouter, defineRoute, problemResponse, responses } from "../http/router.ts";
import { readSessionCookie, setSessionCookie } from "../http/sessions.ts";
import type { Services } from "../services.ts";
import type { OpenIdProvider, SignInSecrets } from "./openid-provider.ts";
import { beginSession } from "./session-store.ts";

/** How long a person may take at the provider. */
const signInSeconds = 600;
const consoleHome = "/console/";
const placeholderOrigin = "http://console.invalid";
const cookieName = "tidings-sign-in";
const cookieTerms = {
  prefix: "host",
  path: "/",
  secure: true,
  httpOnly: true,
  // The answer of the provider is a navigation from another site.
  sameSite: "Lax",
} as const;

const ways = defineRoute({
  method: "get",
  path: "/v1/session/ways",
  access: "public",
  summary: "Get the ways in which people can sign in to the console, besides an API key",
  responses: responses(
    200,
    "The ways",
    z
      .object({
        openId: z.boolean().openapi({
          description: "Whether `GET /v1/session/oidc` leads to an OpenID provider",
          example: true,
        }),
      })
      .openapi("WaysToSignIn"),
  ),
});

/** Where the console opens after the sign-in: a path of the console, so that no link can lead elsewhere. */
const consolePath = z
  .string()
  .max(1_000, "must have at most 1000 characters")
  .refine(
    (path) =>
      URL.canParse(path, placeholderOrigin) &&
      new URL(path, placeholderOrigin).href.startsWith(`${placeholderOrigin}${consoleHome}`),
    "must be a path below /console/",
  )
  .transform((path) => new URL(path, placeholderOrigin).href.slice(placeholderOrigin.length));

const begin = defineRoute({
  method: "get",
  path: "/v1/session/oidc",
  access: "public",
  summary: "Begin to sign in to the console through the OpenID provider",
  description:
    "Redirects the browser to the provider, with `state`, `nonce` and PKCE, which a cookie binds to this browser for 10 minutes. 404 if no provider is configured: register `<PUBLIC_URL>/v1/session/oidc/callback` with one, and set `OIDC_ISSUER`, `OIDC_CLIENT_ID`, `OIDC_CLIENT_SECRET` and `OIDC_ROLES`, such as `ops=admin, marketing=sender, *=viewer`. The provider has to put the groups of a person into the ID token, in the claim that `OIDC_GROUPS_CLAIM` names. docs/console.md says more.",
  request: {
    query: z.object({
      proof: z.enum(["true"]).optional().openapi({
        description:
          "Asks the provider to let the person prove who they are (`prompt=login`, `max_age`), for operations with `x-tidings-proof`. Its answer must then have `auth_time`",
        example: "true",
      }),
      to: consolePath.optional().openapi({
        description: "The path of the console that opens after the sign-in",
        example: "/console/deliveries?status=failed",
      }),
    }),
  },
  responses: { 302: { description: "The page of the provider" }, ...problemResponse },
});

const finish = defineRoute({
  method: "get",
  path: "/v1/session/oidc/callback",
  access: "public",
  summary: "Finish signing in with the answer of the OpenID provider",
  description:
    "Its address is registered with the provider. Sets the cookie of the session, which lasts for 24 hours at most, and redirects to the console.",
  responses: { 302: { description: "The console" }, ...problemResponse },
});

/** The routes by which people sign in through an OpenID provider, if one is configured. */
export function openIdRoutes(services: Services) {
  const { openIdProvider, sessions, config, clock } = services;

  function requireProvider(c: Context<ApiEnv>): OpenIdProvider {
    requireConsoleHost(c, config.console);
    if (openIdProvider) return openIdProvider;
    throw new Problem(
      "not-found",
      "No OpenID provider is configured (OIDC_ISSUER). Sign in with an API key.",
    );
  }

  return createRouter()
    .openapi(ways, (c) => c.json({ openId: openIdProvider !== null }, 200))
    .openapi(begin, async (c) => {
      const { proof, to = consoleHome } = c.req.valid("query");
      const isProof = proof === "true";
      const { url, secrets } = await requireProvider(c).begin({ isProof });
      setCookie(c, cookieName, packSignIn({ secrets, isProof, to }), {
        ...cookieTerms,
        maxAge: signInSeconds,
      });
      return c.redirect(url.href, 302);
    })
    .openapi(finish, async (c) => {
      const provider = requireProvider(c);
      const begun = unpackSignIn(getCookie(c, cookieName, "host"));
      deleteCookie(c, cookieName, cookieTerms);
      if (!begun)
        throw new Problem(
          "forbidden",
          "This sign-in was not begun in this browser within the last 10 minutes. Begin again at /console/.",
        );
      const operator = await provider.finish(new URL(c.req.url).search, begun.secrets);
      if (!operator)
        throw new Problem(
          "forbidden",
          "None of your groups has a role here (OIDC_ROLES). Ask an administrator.",
        );
      if (begun.isProof && !provenUntil(operator.provenAt, clock()))
        throw new Problem(
          "forbidden",
          "The OpenID provider does not say that you have just signed in there (auth_time), so that this proves nothing. Ask an administrator.",
        );
      const previous = readSessionCookie(c);
      const secret = await beginSession(c, services, {
        by: { operator },
        previous,
        mustBe: begun.isProof && previous ? (await sessions.find(previous))?.caller.id : undefined,
      });
      sessions.clear();
      setSessionCookie(c, secret);
      return c.redirect(begun.isProof ? "/console/confirmed" : begun.to, 302);
    });
}

/** What this browser has to remember until the person comes back. */
interface BegunSignIn {
  secrets: SignInSecrets;
  isProof: boolean;
  /** The path of the console that opens afterwards. */
  to: string;
}

const packSignIn = ({ secrets: { state, nonce, verifier }, isProof, to }: BegunSignIn): string =>
  [
    isProof ? "proof" : "session",
    Buffer.from(to).toString("base64url"),
    state,
    nonce,
    verifier,
  ].join("~");

function unpackSignIn(cookie: string | undefined): BegunSignIn | null {
  const [purpose, to, state, nonce, verifier] = cookie?.split("~") ?? [];
  if (to === undefined || !state || !nonce || !verifier) return null;
  // The cookie is not signed: another path than one of the console is not followed.
  const path = consolePath.safeParse(Buffer.from(to, "base64url").toString());
  return {
    secrets: { state, nonce, verifier },
    isProof: purpose === "proof",
    to: path.data ?? consoleHome,
  };
}
