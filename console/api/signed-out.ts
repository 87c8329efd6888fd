import { useSyncExternalStore } from "react";

let signedOut = false;
const listeners = new Set<() => void>();
const arrivals = new Set<() => void>();

function set(value: boolean): void {
  if (signedOut === value) return;
  signedOut = value;
  for (const listener of listeners) listener();
}

/** Called for each request that was refused because there is no session. */
export const announceSignedOut = () => set(true);

/** Called after signing in, also of somebody who had a session and has another one now. */
export function announceSignedIn(): void {
  set(false);
  for (const arrive of arrivals) arrive();
}

/** Calls a function each time somebody has signed in. Returns what ends that. */
export function onSignedIn(arrive: () => void): () => void {
  arrivals.add(arrive);
  return () => arrivals.delete(arrive);
}

/** Whether a request was refused because there is no session, and nobody has signed in since. */
export const useSignedOut = () =>
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => signedOut,
  );
