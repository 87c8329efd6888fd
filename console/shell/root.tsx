import { useQuery, useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";
import { readSessionAgain, SessionContext, sessionQuery, type Session } from "../api/session.ts";
import { useIsProofAsked } from "../api/proof.ts";
import { useSignedOut } from "../api/signed-out.ts";
import { Shell } from "./shell.tsx";
import { ReturnDialog, SignInPage, Unreachable } from "./sign-in.tsx";

const ProofDialog = lazy(() => import("./proof-dialog.tsx"));

/**
 * Shows the page to those who have signed in, and to others the page to sign in. If the session ends while somebody works, the page
 * stays as it is behind a dialog, so that nothing that they have entered is lost.
 */
export function Root() {
  const { data, error, isPending, refetch } = useQuery(sessionQuery);
  const [kept, setKept] = useState<Session | null>(null);
  const isSignedOut = useSignedOut();
  const isProofAsked = useIsProofAsked();
  const client = useQueryClient();
  if (data && data !== kept) setKept(data);

  const session = data ?? kept;
  const goOn = async () => {
    const next = await readSessionAgain(client);
    if (next === null) return;
    // A form that is half filled in stays. Another person is shown nothing of what the first one has read or typed.
    if (next.actor === session?.actor) await client.invalidateQueries();
    else await client.resetQueries();
  };
  if (session)
    return (
      <SessionContext value={session}>
        <Shell
          key={session.actor}
          onSignedOut={() => {
            setKept(null);
            client.clear();
            client.setQueryData(sessionQuery.queryKey, null);
          }}
        />
        <Suspense>{isProofAsked && <ProofDialog />}</Suspense>
        {(isSignedOut || data === null) && (
          <ReturnDialog name={session.name} onSignedIn={() => void goOn()} />
        )}
      </SessionContext>
    );
  if (isPending) return null;
  if (error) return <Unreachable error={error} retry={() => void refetch()} />;
  return <SignInPage onSignedIn={() => void client.resetQueries()} />;
}
