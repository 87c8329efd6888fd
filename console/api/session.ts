import { type QueryClient, queryOptions } from "@tanstack/react-query";
import { createContext, useContext } from "react";
import type { AnswerOf } from "tidings/client";
import { api, consoleFetch } from "./client.ts";
import { answerOf, ApiProblem, readBody } from "./problem.ts";
import { announceSignedIn } from "./signed-out.ts";

/** Roles of people who use the console, from the one that may do least. */
const roles = ["viewer", "sender", "admin"] as const satisfies readonly Session["role"][];
export type Role = Session["role"];

/** Who has signed in, and where. */
export type Session = AnswerOf<typeof api.v1.session.$get>;

/** The session; null if nobody has signed in. */
export const sessionQuery = queryOptions({
  queryKey: ["session"],
  queryFn: async ({ signal }): Promise<Session | null> => {
    try {
      return await answerOf(api.v1.session.$get({}, { init: { signal } }));
    } catch (error) {
      if (error instanceof ApiProblem && error.status === 401) return null;
      throw error;
    }
  },
  staleTime: 60_000,
});

/** Reads the session again. A request that is under way may have been sent before somebody signed in, so its response does not count. */
export async function readSessionAgain(client: QueryClient): Promise<Session | null> {
  await client.cancelQueries({ queryKey: sessionQuery.queryKey });
  return client.fetchQuery({ ...sessionQuery, staleTime: 0 });
}

const openIdUrl = "/v1/session/oidc";

/** Where people sign in through the OpenID provider of the installation, to come back to the path `to` of the console. */
export const openIdUrlFor = (to: string) => `${openIdUrl}?to=${encodeURIComponent(to)}`;

/** The ways to sign in besides an API key. */
export const waysToSignInQuery = queryOptions({
  queryKey: ["ways-to-sign-in"],
  queryFn: ({ signal }) => answerOf(api.v1.session.ways.$get({}, { init: { signal } })),
  staleTime: Number.POSITIVE_INFINITY,
});

/** Where they prove to that provider who they are, and what shows that they have. */
export const openIdProofUrl = `${openIdUrl}?proof=true`;

/**
 * Signs in with an API key, or with the code of a link. Throws `ApiProblem` if it is refused. With `actor`, only that person is let in, who so
 * proves who they are.
 */
export async function signIn(
  by: { apiKey: string; actor?: string } | { code: string },
): Promise<void> {
  await readBody(
    await fetch("/v1/session", {
      method: "POST",
      headers: { "content-type": "application/json", "x-tidings-console": "1" },
      credentials: "same-origin",
      body: JSON.stringify(by),
    }),
  );
  announceSignedIn();
}

/** Ends the session. */
export async function signOut(): Promise<void> {
  await readBody(await consoleFetch("/v1/session", { method: "DELETE" }));
}

/** The session of the person for whom the page was opened. It stays while they sign in again. */
export const SessionContext = createContext<Session | null>(null);

/** The session of the person for whom the page was opened. It exists wherever the shell is shown. */
export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error("The session is used outside of the shell.");
  return session;
}

/** Whether a role includes everything that another one may do. */
export const includesRole = (role: Role, needed: Role) =>
  roles.indexOf(role) >= roles.indexOf(needed);
