import { setTimeout as sleep } from "node:timers/promises";

const pauseMs = 50;

/** An error that ends `waitUntil`, because a repeat would not change the result. */
export class FinalError extends Error {
  override name = "FinalError";
}

/**
 * Repeats a question until the answer is true. An error counts as false, except for a `FinalError`, with which this rejects. It also
 * rejects when `signal` is aborted, and after `timeoutMs`, with the last error as the cause.
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
      throw new Error(`timed out after ${timeoutMs} ms waiting for ${what}`, { cause });
    await sleep(pauseMs, undefined, signal && { signal });
  }
}
