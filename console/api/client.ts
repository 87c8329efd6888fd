import { hc } from "hono/client";
import type { AppType } from "tidings/client";
import { askForProof, needsProof } from "./proof.ts";
import { announceSignedOut } from "./signed-out.ts";

/** How long a request may take before it fails. */
const timeoutMs = 30_000;

/**
 * Sends a request with the session's cookie. Unsafe methods carry the header without which the API refuses a request that is
 * authenticated by a cookie. A 401 announces that the session has ended. If the API wants a proof of who uses the session, the person is
 * asked for it, and the same request is sent again, with the same Idempotency-Key.
 */
export const consoleFetch: typeof fetch = async (input, init = {}) => {
  const headers = new Headers(init.headers);
  if (!["GET", "HEAD"].includes(init.method ?? "GET")) headers.set("x-tidings-console", "1");
  const send = () => {
    const signals = [AbortSignal.timeout(timeoutMs), ...(init.signal ? [init.signal] : [])];
    const signal = AbortSignal.any(signals);
    return fetch(input, { ...init, headers, credentials: "same-origin", signal });
  };
  let response = await send();
  if ((await needsProof(response)) && (await askForProof())) response = await send();
  if (response.status === 401) announceSignedOut();
  return response;
};

/** The typed client of the API, on the origin of the console. */
export const api = hc<AppType>(location.origin, { fetch: consoleFetch });
