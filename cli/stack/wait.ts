import { setTimeout as sleep } from "node:timers/promises";

const pauseMs = 50;

/** Asking again would change nothing: the error of a question that waits no longer. */
export class FinalError extends Error {
  override name = "FinalError";
}

/**
 * Asks until the answer is true; an error counts as a no, but for a `FinalError`, with which it rejects. Rejects also after `timeoutMs`, with the last error, if there was one,
 * as the cause, and when `signal` is aborted.
 */
export async function waitUntil(
  what: string,
  timeoutMs: number,
  ask: () => Promise<boolean> | boolean,
  signal?: AbortSignal,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    let cause: unknown;
    try {
      if (await ask()) return;
    } catch (error) {
      if (error instanceof FinalError) throw error;
      cause = error;
    }
    if (Date.now() >= deadline)
      throw new Error(`waited ${timeoutMs} ms in vain for ${what}`, { cause });
    await sleep(pauseMs, undefined, signal && { signal });
  }
}
