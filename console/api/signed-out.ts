import { useSyncExternalStore } from "react";

let signedOut = false;
const listeners = new Set<() => void>();

function set(value: boolean): void {
  if (signedOut === value) return;
  signedOut = value;
  for (const listener of listeners) listener();
}

/** Called for each request that was refused because there is no session. */
export const announceSignedOut = () => set(true);

/** Called after signing in. */
export const announceSignedIn = () => set(false);

/** Whether a request was refused because there is no session, and nobody has signed in since. */
export const useSignedOut = () =>
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => signedOut,
  );
