import { queryOptions } from "@tanstack/react-query";
import { createContext, useContext } from "react";
import { consoleFetch } from "./client.ts";
import { ApiProblem, readBody } from "./problem.ts";
import { announceSignedIn } from "./signed-out.ts";

/** Roles of people who use the console, from the one that may do least. */
const roles = ["viewer", "sender", "admin"] as const;
export type Role = (typeof roles)[number];

/** Who has signed in, and where. */
export interface Session {
  actor: string;
  name: string;
  role: Role;
  keyId: string | null;
  expiresAt: string;
  idleExpiresAt: string;
  features: string[];
  links: { temporalUi: string | null; docs: string | null };
  serverTime: string;
  /** The name is null if the installation has none. The colour is one of CSS. */
  environment: { name: string | null; color: string };
}

/** The session; null if nobody has signed in. */
export const sessionQuery = queryOptions({
  queryKey: ["session"],
  queryFn: async ({ signal }): Promise<Session | null> => {
    try {
      return (await readBody(await consoleFetch("/v1/session", { signal }))) as Session;
    } catch (error) {
      if (error instanceof ApiProblem && error.status === 401) return null;
      throw error;
    }
  },
  staleTime: 60_000,
});

/** Signs in with an API key, or with the code of a link. Throws `ApiProblem` if it is refused. */
export async function signIn(by: { apiKey: string } | { code: string }): Promise<void> {
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
