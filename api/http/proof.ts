import { Problem } from "./problem.ts";
import type { Session } from "./sessions.ts";

/** How long a proof of who uses a session counts, in milliseconds. */
export const proofMs = 600_000;

/** Until when a proof counts that was given at `provenAt`; null if there is none, or if it does not count any more. */
export function provenUntil(provenAt: Date | null, now: Date): Date | null {
  if (provenAt === null) return null;
  const until = new Date(provenAt.getTime() + proofMs);
  return until > now ? until : null;
}

/**
 * Refuses a session whose person has not proved lately who they are, so that a browser that is left alone is not enough to do what cannot be
 * undone. A caller without a session sends its key with each request, which is a proof.
 */
export function requireProof(session: Pick<Session, "provenAt"> | undefined, now: Date): void {
  if (!session || provenUntil(session.provenAt, now)) return;
  throw new Problem(
    "proof-required",
    "This needs a proof of who you are that is at most 10 minutes old. Sign in again, then repeat the request.",
  );
}
