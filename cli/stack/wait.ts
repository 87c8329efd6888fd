import { setTimeout as sleep } from "node:timers/promises";

const pauseMs = 50;

/**
 * Asks until the answer is true; an error counts as a no. Rejects after `timeoutMs`, with the last error, if there was one,
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
      cause = error;
    }
    if (Date.now() >= deadline)
      throw new Error(`waited ${timeoutMs} ms in vain for ${what}`, { cause });
    await sleep(pauseMs, undefined, signal && { signal });
  }
}
