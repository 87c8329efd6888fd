import { useQuery, useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";
import { SessionContext, sessionQuery, type Session } from "../api/session.ts";
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
  if (session)
    return (
      <SessionContext value={session}>
        <Shell
          onSignedOut={() => {
            setKept(null);
            client.clear();
            client.setQueryData(sessionQuery.queryKey, null);
          }}
        />
        <Suspense>{isProofAsked && <ProofDialog />}</Suspense>
        {(isSignedOut || data === null) && (
          <ReturnDialog
            onSignedIn={() => {
              // What one person has read is not shown to another.
              void client.resetQueries();
            }}
          />
        )}
      </SessionContext>
    );
  if (isPending) return null;
  if (error) return <Unreachable error={error} retry={() => void refetch()} />;
  return <SignInPage onSignedIn={() => void client.resetQueries()} />;
}
