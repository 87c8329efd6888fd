import { useSyncExternalStore } from "react";

// Some changes need a proof of who sits before the browser. The request that was refused waits until it is given, and is sent again.

let waiting: ((isGiven: boolean) => void)[] = [];
const listeners = new Set<() => void>();

function set(next: typeof waiting): void {
  waiting = next;
  for (const listener of listeners) listener();
}

/** Asks the person to prove who they are. Resolves with true once they have, and with false if they would rather not. */
export const askForProof = () => new Promise<boolean>((resolve) => set([...waiting, resolve]));

/** Answers everything that waits for a proof. */
export function answerProof(isGiven: boolean): void {
  const asked = waiting;
  set([]);
  for (const resolve of asked) resolve(isGiven);
}

/** Whether a request waits for a proof. */
export const useIsProofAsked = () =>
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => waiting.length > 0,
  );

/** Whether a response says that the request needs a proof. Its body can still be read. */
export async function needsProof(response: Response): Promise<boolean> {
  if (response.status !== 403) return false;
  const body: unknown = await response
    .clone()
    .json()
    .catch(() => null);
  return (
    typeof body === "object" &&
    body !== null &&
    "type" in body &&
    body.type === "urn:tidings:problem:proof-required"
  );
}
