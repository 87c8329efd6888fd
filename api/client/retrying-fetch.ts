/* This code also runs in browsers, so it uses nothing of Node.js. */

export interface RetryOptions {
  /** How long a request is repeated, if repeating it is safe. */
  patienceMs: number;
  /** How long one attempt may take, including its body. */
  timeoutMs: number;
}

const firstWaitMs = 100;
const longestWaitMs = 5_000;

/**
 * Makes a `fetch` that repeats requests which failed in transit or should be tried later (429, 502, 503, 504, and 409 with
 * Retry-After, for a key that is in use), if they cannot take effect twice. It waits as long as Retry-After says, or otherwise longer
 * each time. When `patienceMs` is over, it resolves with the last response, or rejects with the last failure.
 */
export function createRetryingFetch({ patienceMs, timeoutMs }: RetryOptions): typeof fetch {
  return async (input, init = {}) => {
    const giveUpAt = Date.now() + patienceMs;
    for (let tries = 0; ; tries += 1) {
      const signals = [AbortSignal.timeout(timeoutMs), ...(init.signal ? [init.signal] : [])];
      let response: Response | undefined;
      let failure: unknown;
      try {
        response = await fetch(input, { ...init, signal: AbortSignal.any(signals) });
      } catch (error) {
        failure = error;
      }
      const waitMs = chooseWaitMs(response, tries);
      const again =
        isRepeatable(init, response?.status) &&
        isTransient(response) &&
        !init.signal?.aborted &&
        Date.now() + waitMs < giveUpAt;
      if (!again) {
        if (response) return response;
        throw failure;
      }
      await response?.body?.cancel();
      await wait(waitMs, init.signal ?? undefined);
    }
  };
}

/** Resolves after a time. Rejects with the reason of the signal as soon as that is aborted. */
function wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal!.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", abort, { once: true });
    if (signal?.aborted) abort();
  });
}

function isTransient(response: Response | undefined): boolean {
  if (!response) return true;
  if (response.status === 409) return response.headers.has("retry-after");
  return [429, 502, 503, 504].includes(response.status);
}

/** A request that a limit refused had no effect. Any other request may have had one, even if its response was lost. */
function isRepeatable({ method = "GET", headers, body }: RequestInit, status?: number): boolean {
  // A stream cannot be sent twice.
  if (body !== undefined && body !== null && typeof body !== "string") return false;
  if (status === 429 || !["POST", "PATCH"].includes(method)) return true;
  return new Headers(headers).has("idempotency-key");
}

function chooseWaitMs(response: Response | undefined, tries: number): number {
  const seconds = Number(response?.headers.get("retry-after") ?? Number.NaN);
  if (seconds >= 0) return seconds * 1_000;
  // Half of the wait is random, so that many waiting clients do not return at the same time.
  return Math.min(longestWaitMs, firstWaitMs * 2 ** tries) * (0.5 + Math.random() / 2);
}
