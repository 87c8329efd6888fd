import { useMutation, useQuery } from "@tanstack/react-query";
import { type FormEvent, useEffect, useEffectEvent, useRef, useState } from "react";
import { openIdUrlFor, sessionQuery, signIn, waysToSignInQuery } from "../api/session.ts";
import { ApiProblem } from "../api/problem.ts";
import { announceSignedIn } from "../api/signed-out.ts";
import { Brand } from "./brand.tsx";
import { takeCode } from "./sign-in-code.ts";
import styles from "./sign-in.module.css";

/** The page that people see who have not signed in. */
export function SignInPage({ onSignedIn }: { onSignedIn: () => void }) {
  useEffect(() => {
    document.title = "Sign in · Tidings";
  }, []);
  return (
    <main className={styles.page}>
      <div className={styles.card}>
        <Brand />
        <h1>Sign in</h1>
        <SignInForm onSignedIn={onSignedIn} />
        <p className={styles.note}>
          The key is sent once, and this browser keeps only a cookie that scripts cannot read. An
          administrator makes keys and can revoke them at any time.
        </p>
      </div>
    </main>
  );
}

/** How often it is checked whether the person has signed in again in another tab. */
const lookMs = 2_000;

/**
 * Lies over the page of somebody whose session has ended. What is behind it stays as it is, so the OpenID provider opens in another tab.
 * Signing in again in any tab of the browser closes it.
 */
export function ReturnDialog({ name, onSignedIn }: { name: string; onSignedIn: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    dialog.current!.showModal();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  const { data, isSuccess, isFetchedAfterMount } = useQuery({
    ...sessionQuery,
    refetchOnMount: "always",
    refetchInterval: lookMs,
  });
  const isBack = isSuccess && isFetchedAfterMount && data !== null;
  const goOn = useEffectEvent(onSignedIn);
  useEffect(() => {
    if (!isBack) return;
    announceSignedIn();
    goOn();
  }, [isBack]);
  return (
    <dialog
      ref={dialog}
      className={styles.dialog}
      aria-labelledby="return-title"
      onCancel={(event) => event.preventDefault()}
    >
      <div className={styles.card}>
        <h2 id="return-title">Your session has ended</h2>
        <p className="muted">
          Sign in again as {name} to continue. Nothing on the page is lost, unless somebody else
          signs in.
        </p>
        <SignInForm onSignedIn={onSignedIn} opensTab />
      </div>
    </dialog>
  );
}

/** Says that it cannot be found out who has signed in. */
export function Unreachable({ error, retry }: { error: unknown; retry: () => void }) {
  return (
    <main className={styles.page}>
      <div className={styles.card}>
        <Brand />
        <h1>The API does not respond</h1>
        <p className="muted" role="alert">
          {error instanceof ApiProblem
            ? error.message
            : "The console is here, but the API behind it gives no answer. Check whether it runs."}
        </p>
        <button type="button" className={styles.submit} onClick={retry}>
          Try again
        </button>
      </div>
    </main>
  );
}

interface SignInFormProps {
  onSignedIn: () => void;
  /** Whether the OpenID provider opens in another tab. */
  opensTab?: boolean;
}

function SignInForm({ onSignedIn, opensTab = false }: SignInFormProps) {
  const [code, setCode] = useState(takeCode);
  const { data: ways } = useQuery(waysToSignInQuery);
  const { mutate, isPending, error } = useMutation({
    mutationFn: signIn,
    onSuccess: onSignedIn,
    onError: () => setCode(null),
  });
  useEffect(() => {
    if (code !== null) mutate({ code });
  }, [code, mutate]);

  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const apiKey = new FormData(event.currentTarget).get("key");
    if (typeof apiKey === "string") mutate({ apiKey: apiKey.trim() });
  };
  return (
    <form className={styles.form} onSubmit={submit}>
      <label htmlFor="sign-in-key">API key</label>
      <input
        id="sign-in-key"
        name="key"
        type="password"
        autoComplete="current-password"
        spellCheck={false}
        required
        autoFocus
        aria-invalid={error !== null}
        aria-describedby={error ? "sign-in-fault" : undefined}
      />
      {error && (
        <p id="sign-in-fault" role="alert" className={styles.fault}>
          {describeFault(error)}
        </p>
      )}
      <button type="submit" className={styles.submit} disabled={isPending}>
        {isPending ? "Signing in…" : "Sign in"}
      </button>
      {ways?.openId && (
        <a
          className={styles.other}
          href={openIdUrlFor(opensTab ? "/console/confirmed" : currentPath())}
          {...(opensTab && { target: "_blank", rel: "noreferrer" })}
        >
          Sign in with your organisation
          {opensTab && <span className="hidden-text"> (opens another tab)</span>}
        </a>
      )}
    </form>
  );
}

/** Where the person wanted to go, without the code of a link that signs in. */
const currentPath = () => `${location.pathname}${location.search}`;

function describeFault(error: Error): string {
  if (!(error instanceof ApiProblem)) return "The API gave no answer. Try again in a moment.";
  if (error.status === 401)
    return "This key or link is not valid, or not any more. Check that you have copied all of the key.";
  return error.message;
}
