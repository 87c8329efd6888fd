import { type ClientResponse, hc } from "hono/client";
import type { SuccessStatusCode } from "hono/utils/http-status";
import type { createApp } from "../app.ts";
import { type RetryOptions, createRetryingFetch } from "./retrying-fetch.ts";

export type { InferRequestType, InferResponseType } from "hono/client";

/** The routes of the API, with what they take and answer. */
export type AppType = ReturnType<typeof createApp>;

export interface ClientOptions extends Partial<RetryOptions> {
  /** The address of the API, as `https://tidings.example.org`. */
  url: string;
  apiKey: string;
  /** Called for each request: the id that it has in logs, in the audit trail and on what it makes. By default the API gives it one. */
  requestId?: () => string | undefined;
}

export type Client = ReturnType<typeof createClient>;

/**
 * Tidings for another service: a function for each route, named as its path and typed as what it takes and answers, as
 * `client.v1.campaigns[":id"].start.$post({ param: { id }, header: { "idempotency-key": key } })`. It resolves with the
 * response, whatever its status; `answerOf` makes the body of that, or throws the problem. What does not arrive is sent
 * again for half a minute, where that cannot have its effect twice: give each POST an Idempotency-Key.
 */
export function createClient({
  url,
  apiKey,
  requestId,
  patienceMs = 30_000,
  timeoutMs = 30_000,
}: ClientOptions) {
  const client = hc<AppType>(url, {
    headers: (): Record<string, string> => {
      const id = requestId?.();
      return { authorization: `Bearer ${apiKey}`, ...(id !== undefined && { "x-request-id": id }) };
    },
    fetch: createRetryingFetch({ patienceMs, timeoutMs }),
  });
  return encodePaths(client);
}

/** Hono puts parameters into a path as they are, and ids of recipients may hold anything. */
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

/** The API answered with a problem (RFC 9457); the message is what it says to do about it. */
export class ApiProblem extends Error {
  override name = "ApiProblem";
  readonly status: number;
  /** Null where something before the API answered in its place. */
  readonly details: ProblemDetails | null;

  constructor(status: number, details: ProblemDetails | null) {
    super(details?.detail ?? details?.title ?? `the answer was ${status}`);
    this.status = status;
    this.details = details;
  }
}

/** The body of what is no problem: of a response, or of what a function of the client resolves with. */
export type AnswerOf<Given> = Given extends (...args: never[]) => Promise<infer Response>
  ? AnswerOf<Response>
  : Given extends ClientResponse<infer Body, infer Status, infer _>
    ? Status extends SuccessStatusCode
      ? Body
      : never
    : never;

/** The body of an answer, null where it has none. Throws `ApiProblem` where it is a problem. */
export async function answerOf<Response extends ClientResponse<unknown, number, string>>(
  responding: Promise<Response>,
): Promise<AnswerOf<Response>> {
  const response = await responding;
  const text = await response.text();
  const body: unknown = isJson(response.headers) ? JSON.parse(text) : null;
  if (!response.ok) throw new ApiProblem(response.status, body as ProblemDetails | null);
  // Typed by the route, which answers nothing else.
  return body as AnswerOf<Response>;
}

const isJson = (headers: Headers) => /[/+]json\b/.test(headers.get("content-type") ?? "");
