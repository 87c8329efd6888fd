import { headerReferences } from "./operations.ts";
import { problemType } from "../http/problem.ts";
import { type ProblemKind, problemKinds } from "../http/problem-kinds.ts";

const header = (description: string, example: string, required = false) => ({
  description,
  required,
  schema: { type: "string" as const },
  example,
});

/** Response headers by name. A required header is in every response that refers to it. */
export const headerComponents = {
  "X-Request-Id": header(
    "The id of the request in logs, in the audit trail and on what the request created. It is the id that you sent, if that is 1 to 64 characters of A-Z, a-z, 0-9, dot, underscore and hyphen; otherwise a new one.",
    "0b9ff0a1-6c0e-4f43-9d4b-53c3c1a3a2ab",
    true,
  ),
  RateLimit: header(
    "The state of your rate limit: requests allowed in a window, requests left, and seconds until the next window begins.",
    "limit=6000, remaining=5999, reset=60",
    true,
  ),
  "RateLimit-Policy": header("Your rate limit, and its window in seconds.", "6000;w=60", true),
  ETag: header("The version of the resource. Send it as If-Match with a change.", '"1"', true),
  "Idempotency-Replayed": header(
    "`true` if this is the stored response to an earlier request with the same Idempotency-Key.",
    "true",
  ),
  "Retry-After": header("Seconds to wait before you send the request again.", "1"),
  "WWW-Authenticate": header("How to authenticate.", 'Bearer realm="tidings"', true),
  Accept: header("The content types that the operation accepts.", "application/json"),
};

/** Headers of the problems of a status, in addition to those of every response to an authenticated caller. */
const headersOfStatus: Record<number, string[]> = {
  409: ["Retry-After"],
  412: ["ETag"],
  415: ["Accept"],
  429: ["Retry-After"],
};

/** An example of the detail of a kind of problem, and of its errors. */
const examples: Partial<Record<ProblemKind, { detail: string; errors?: unknown[] }>> = {
  "malformed-json": { detail: "Line 1, column 9: expected a value." },
  unauthorized: { detail: "Send an API key as Authorization: Bearer <key>." },
  forbidden: {
    detail: "This operation needs the role sender. Your role is viewer.",
  },
  "not-found": { detail: "There is no campaign with this id." },
  conflict: {
    detail: "The campaign cannot do that: it is completed, and pause needs scheduled or running.",
  },
  "request-running": {
    detail: "Wait until the first request has finished, then send this one again.",
  },
  changed: { detail: "Read the resource again, and send its new ETag as If-Match." },
  invalid: {
    detail: "/template/key: is required: a string",
    errors: [{ in: "body", field: "/template/key", message: "is required: a string" }],
  },
  "if-match-required": { detail: "Read the resource first, and send its ETag as If-Match." },
};

type Kind = (typeof problemKinds)[number];

const problemExample = ({ kind, title, status }: Kind) => ({
  type: problemType(kind),
  title,
  status,
  ...examples[kind],
  requestId: headerComponents["X-Request-Id"].example,
});

const problemResponse = (kinds: readonly Kind[], description: string, headers: string[]) => ({
  description,
  headers: headerReferences(...headers),
  content: {
    "application/problem+json": {
      schema: { $ref: "#/components/schemas/Problem" },
      examples: Object.fromEntries(
        kinds.map((kind) => [kind.kind, { summary: kind.title, value: problemExample(kind) }]),
      ),
    },
  },
});

/** The problem responses of the document: one for each status, such as `Problem404`, with an example of each kind, and `Problem` for any other. */
export function problemComponents() {
  const statuses = [...new Set(problemKinds.map(({ status }) => status))];
  const known = ["X-Request-Id", "RateLimit", "RateLimit-Policy"];
  const named: [string, ReturnType<typeof problemResponse>][] = [
    ...statuses.map((status): (typeof named)[number] => {
      const kinds = problemKinds.filter((kind) => kind.status === status);
      const headers = status === 401 ? ["X-Request-Id", "WWW-Authenticate"] : known;
      return [
        `Problem${status}`,
        problemResponse(kinds, kinds.map(({ title }) => title).join(". Or: "), [
          ...headers,
          ...(headersOfStatus[status] ?? []),
        ]),
      ];
    }),
    [
      "Problem",
      problemResponse(
        problemKinds.filter(({ status }) => status >= 500),
        "A problem of any other kind",
        ["X-Request-Id", "Retry-After"],
      ),
    ],
  ];
  return Object.fromEntries(named);
}
