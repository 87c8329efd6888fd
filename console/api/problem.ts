import type { AnswerOf } from "tidings/client";
import type { ClientResponse } from "hono/client";

/** An error of a request as the API describes it (RFC 9457). */
export interface ProblemDetails {
  type: string;
  title: string;
  detail?: string;
  requestId: string;
  errors?: { in: string; field: string; message: string; line?: number; column?: number }[];
}

/** A response that is not a success. `details` is null if a proxy responded in place of the API. */
export class ApiProblem extends Error {
  override name = "ApiProblem";
  readonly status: number;
  readonly details: ProblemDetails | null;

  constructor(status: number, details: ProblemDetails | null) {
    super(details?.detail ?? details?.title ?? `The server responded with the status ${status}.`);
    this.status = status;
    this.details = details;
  }
}

/** Reads the body of a successful response; null if it has none. Throws `ApiProblem` for any other response. */
export async function readBody(response: Response): Promise<unknown> {
  const isJson = /[/+]json\b/.test(response.headers.get("content-type") ?? "");
  const body: unknown = isJson ? await response.json() : null;
  if (!response.ok) throw new ApiProblem(response.status, body as ProblemDetails | null);
  return body;
}

/** Returns the body of the response to a request of the typed client. Throws `ApiProblem`, or a `TypeError` if no response came. */
export async function answerOf<Given extends ClientResponse<unknown, number, string>>(
  responding: Promise<Given>,
): Promise<AnswerOf<Given>> {
  // The type comes from the route, which has no other successful response.
  return (await readBody((await responding) as unknown as Response)) as AnswerOf<Given>;
}

/** Whether the API has refused the cursor of a page, as it does if an old link is of a list in another order. */
export const isRefusedCursor = (error: unknown): boolean =>
  error instanceof ApiProblem &&
  (error.details?.errors ?? []).some(
    ({ in: place, field }) => place === "query" && field === "cursor",
  );

/** Whether the same request may succeed if it is sent again soon. */
export function isTransient(error: unknown): boolean {
  if (!(error instanceof ApiProblem)) return true;
  return error.status === 429 || error.status >= 500;
}
