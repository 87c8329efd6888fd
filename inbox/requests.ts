import { InboxError } from "./types.ts";

/** A request that has no answer within this many milliseconds has failed. */
const answerMs = 20_000;

export interface Requests {
  /**
   * Sends a request to the API and returns its answer, whose body has not been read. A token that was refused is replaced once. Throws
   * an `InboxError` if there is no answer, or if it is not a success.
   */
  send: (path: string, init?: RequestInit & { signal?: AbortSignal }) => Promise<Response>;
  /** Sends a request with a JSON body, if one is given, and returns the JSON of the answer. Throws as `send` does. */
  sendJson: (method: string, path: string, body?: unknown) => Promise<unknown>;
}

/**
 * Makes the function that sends requests with the token of a recipient.
 *
 * @param url the address of the API
 * @param getToken asks the application for a token; it is called once for several requests at the same time
 * @param closing ends all requests
 */
export function createRequests(
  url: string,
  getToken: () => string | Promise<string>,
  closing: AbortSignal,
): Requests {
  let token: Promise<string> | null = null;

  async function attempt(path: string, init: RequestInit): Promise<Response> {
    const used = (token ??= Promise.resolve(getToken()));
    let value: string;
    try {
      value = await used;
    } catch (error) {
      if (token === used) token = null;
      throw new InboxError(0, `The application has issued no token: ${String(error)}`);
    }
    const answer = await fetch(new URL(path, url), {
      cache: "no-store",
      credentials: "omit",
      referrerPolicy: "no-referrer",
      ...init,
      headers: { ...(init.headers as Record<string, string>), authorization: `Bearer ${value}` },
    });
    if (answer.status === 401 && token === used) token = null;
    return answer;
  }

  const send: Requests["send"] = async (path, init = {}) => {
    let answer: Response;
    try {
      answer = await attempt(path, init);
      if (answer.status === 401) answer = await attempt(path, init);
    } catch (error) {
      throw error instanceof InboxError ? error : new InboxError(0, String(error));
    }
    if (answer.ok) return answer;
    const seconds = Number(answer.headers.get("retry-after") ?? Number.NaN);
    throw new InboxError(
      answer.status,
      `The API answered with ${answer.status}.`,
      seconds >= 0 ? seconds * 1_000 : null,
    );
  };

  return {
    send,
    sendJson: async (method, path, body) => {
      const answer = await send(path, {
        method,
        // A change reaches the API even if the page is left for the address of an item.
        keepalive: method !== "GET",
        signal: AbortSignal.any([closing, AbortSignal.timeout(answerMs)]),
        ...(body !== undefined && {
          headers: { "content-type": "application/json" },
          body: JSON.stringify(body),
        }),
      });
      try {
        return await answer.json();
      } catch (error) {
        throw new InboxError(0, String(error));
      }
    },
  };
}
