import { type ClientResponse, hc } from "hono/client";
import type { SuccessStatusCode } from "hono/utils/http-status";
import type { createApp } from "../app.ts";
import { type RetryOptions, createRetryingFetch } from "./retrying-fetch.ts";

export type { InferRequestType, InferResponseType } from "hono/client";

/** The type of the API: its routes, with their requests and responses. */
export type AppType = ReturnType<typeof createApp>;

export interface ClientOptions extends Partial<RetryOptions> {
  /** The address of the API, as `https://tidings.example.org`. */
  url: string;
  /** Left out in a browser that is signed in to the console: its cookie takes the place of a key. */
  apiKey?: string;
  /** Whether a browser sends cookies: by default to its own origin only. */
  credentials?: NonNullable<RequestInit["credentials"]>;
  /** Called for each request: returns its id in logs, in the audit trail and on what it creates. By default the API chooses one. */
  requestId?: () => string | undefined;
}

export type Client = ReturnType<typeof createClient>;

/**
 * Makes a client of Tidings for another service, or for a page of the console. It has a typed function for each route, named after its path, such as
 * `client.v1.campaigns[":id"].pause.$post({ param: { id }, header: { "idempotency-key": key } })`. The function resolves with the
 * response, whatever its status; `answerOf` returns the body of that, or throws the problem. A request that fails in transit is sent
 * again for half a minute, if it cannot take effect twice: give each POST an Idempotency-Key. A function takes `{ init: { signal } }` as its second
 * argument: once that AbortSignal is aborted, the function rejects with its reason.
 */
export function createClient({
  url,
  apiKey,
  credentials,
  requestId,
  patienceMs = 30_000,
  timeoutMs = 30_000,
}: ClientOptions) {
  const client = hc<AppType>(url, {
    headers: (): Record<string, string> => {
      const id = requestId?.();
      return {
        ...(apiKey === undefined
          ? { "x-tidings-console": "1" }
          : { authorization: `Bearer ${apiKey}` }),
        ...(id !== undefined && { "x-request-id": id }),
      };
    },
    ...(credentials && { init: { credentials } }),
    fetch: createRetryingFetch({ patienceMs, timeoutMs }),
  });
  return encodePaths(client);
}

/** Encodes path parameters, because Hono inserts them unchanged and external ids may contain any character. */
function encodePaths<Part extends object>(client: Part): Part {
  return new Proxy(client, {
    get(target, name) {
      const part: unknown = Reflect.get(target, name);
      return typeof part === "function" ? encodePaths(part) : part;
    },
    apply(target, _, [input, ...options]: [{ param?: Record<string, string> }?, ...unknown[]]) {
      const param = Object.entries(input?.param ?? {}).map(([name, value]) => [
        name,
        encodeURIComponent(value),
      ]);
      const encoded = input?.param
        ? { ...input, param: Object.fromEntries(param) as object }
        : input;
      return Reflect.apply(target as (...args: unknown[]) => unknown, undefined, [
        encoded,
        ...options,
      ]);
    },
  });
}

interface ProblemDetails {
  type: string;
  title: string;
  detail?: string | undefined;
  requestId: string;
  errors?: { in: string; field: string; message: string }[] | undefined;
}

/** The error for a response that is a problem (RFC 9457). Its message is the detail of the problem. */
export class ApiProblem extends Error {
  override name = "ApiProblem";
  readonly status: number;
  /** Null if a proxy responded in place of the API. */
  readonly details: ProblemDetails | null;

  constructor(status: number, details: ProblemDetails | null) {
    super(details?.detail ?? details?.title ?? `the response has the status ${status}`);
    this.status = status;
    this.details = details;
  }
}

/** The type of the body of a successful response. `Given` is a response, or a function of the client that resolves with one. */
export type AnswerOf<Given> = Given extends (...args: never[]) => Promise<infer Response>
  ? AnswerOf<Response>
  : Given extends ClientResponse<infer Body, infer Status, infer _>
    ? Status extends SuccessStatusCode
      ? Body
      : never
    : never;

/** Returns the body of a response, null if it has none. Throws `ApiProblem` if the response is a problem. */
export async function answerOf<Response extends ClientResponse<unknown, number, string>>(
  responding: Promise<Response>,
): Promise<AnswerOf<Response>> {
  const response = await responding;
  const text = await response.text();
  const body: unknown = isJson(response.headers) ? JSON.parse(text) : null;
  if (!response.ok) throw new ApiProblem(response.status, body as ProblemDetails | null);
  // The type comes from the route, which has no other successful response.
  return body as AnswerOf<Response>;
}

const isJson = (headers: Headers) => /[/+]json\b/.test(headers.get("content-type") ?? "");
