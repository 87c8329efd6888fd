import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useEffect, useState } from "react";
import { answerProof } from "../api/proof.ts";
import { openIdProofUrl, sessionQuery, signIn, useSession } from "../api/session.ts";
import { announceSignedIn } from "../api/signed-out.ts";
import { Button } from "../parts/button.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { Field } from "../parts/form.tsx";
import { ApiProblem } from "../api/problem.ts";
import styles from "./proof-dialog.module.css";

/** How often it is looked whether the person has come back from the OpenID provider. */
const lookMs = 2_000;

/** Asks the person to prove who they are, over whatever is open. What they were doing goes on afterwards. */
export default function ProofDialog() {
  const { actor } = useSession();
  return (
    <Dialog title="Confirm that it is you" onClose={() => answerProof(false)}>
      <p className="muted">
        What you are about to do reaches far, or cannot be undone. It needs a proof of who you are
        that is at most 10 minutes old. Nothing that you have entered is lost.
      </p>
      {actor.startsWith("opr_") ? <OpenIdProof /> : <KeyProof actor={actor} />}
    </Dialog>
  );
}

function KeyProof({ actor }: { actor: string }) {
  const { name } = useSession();
  const client = useQueryClient();
  const { mutate, isPending, error } = useMutation({
    mutationFn: (apiKey: string) => signIn({ apiKey, actor }),
    onSuccess: async () => {
      answerProof(true);
      await client.invalidateQueries({ queryKey: sessionQuery.queryKey });
    },
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const key = new FormData(event.currentTarget).get("proof-key");
    if (typeof key === "string") mutate(key.trim());
  };
  return (
    <form className={styles.form} onSubmit={submit}>
      <Field label={`API key of ${name}`} error={error ? describeFault(error) : undefined}>
        {(control) => (
          <input
            {...control}
            name="proof-key"
            type="password"
            autoComplete="current-password"
            spellCheck={false}
            required
            autoFocus
          />
        )}
      </Field>
      <p className={styles.buttons}>
        <Button onClick={() => answerProof(false)}>Not now</Button>
        <Button kind="primary" type="submit" disabled={isPending}>
          {isPending ? "Confirming…" : "Confirm"}
        </Button>
      </p>
    </form>
  );
}

/** The provider opens in another tab, so that this page stays as it is. */
function OpenIdProof() {
  const [hasGone, setGone] = useState(false);
  const { actor } = useSession();
  const { data } = useQuery({ ...sessionQuery, refetchInterval: hasGone ? lookMs : false });
  const isProven = hasGone && data?.actor === actor && data.provenUntil !== null;
  useEffect(() => {
    if (!isProven) return;
    announceSignedIn();
    answerProof(true);
  }, [isProven]);
  return (
    <div className={styles.form}>
      <p className={styles.buttons}>
        <Button onClick={() => answerProof(false)}>Not now</Button>
        <a
          className={styles.provider}
          href={openIdProofUrl}
          target="_blank"
          rel="noreferrer"
          onClick={() => setGone(true)}
        >
          Confirm with your organisation
        </a>
      </p>
      {hasGone && (
        <p role="status" className="muted">
          Your organisation’s page is open in another tab. This page goes on by itself when you have
          signed in there.
        </p>
      )}
    </div>
  );
}

function describeFault(error: Error): string {
  if (!(error instanceof ApiProblem)) return "The API gave no answer. Try again in a moment.";
  if (error.status === 401) return "This key is not valid. Check that you have copied all of it.";
  return error.message;
}
