import { setTimeout as sleep } from "node:timers/promises";

/** Asks until the answer is true; rejects after `timeoutMs`, with the last error, if there was one, as the cause. */
export async function waitUntil(
  what: string,
  timeoutMs: number,
  ask: () => Promise<boolean> | boolean,
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
    await sleep(50);
  }
}
