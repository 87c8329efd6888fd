import { headerReferences } from "./operations.ts";
import { problemType } from "../http/problem.ts";
import { type ProblemKind, problemKinds } from "../http/problem-kinds.ts";

const header = (description: string, example: string, required = false) => ({
  description,
  required,
  schema: { type: "string" as const },
  example,
});

/** The headers that answers bear, by name. Those required are in each answer that refers to them. */
export const headerComponents = {
  "X-Request-Id": header(
    "Names the request in logs, in the audit trail and on what was accepted: the one that was sent, where it is 1 to 64 of A-Z, a-z, 0-9, dot, underscore and hyphen; else a new one.",
    "0b9ff0a1-6c0e-4f43-9d4b-53c3c1a3a2ab",
    true,
  ),
  RateLimit: header(
    "Where the key stands in its window: requests it may make, those left, seconds until it begins anew.",
    "limit=6000, remaining=5999, reset=60",
    true,
  ),
  "RateLimit-Policy": header("The limit, and its window in seconds.", "6000;w=60", true),
  ETag: header("The version of what is shown: send it as If-Match with a change.", '"1"', true),
  "Idempotency-Replayed": header(
    "`true` where this is the kept answer of an earlier request with the same Idempotency-Key.",
    "true",
  ),
  "Retry-After": header("Seconds after which to try again.", "1"),
  "WWW-Authenticate": header("How to authenticate.", 'Bearer realm="tidings"', true),
  Accept: header("The content types that are taken here.", "application/json"),
};

/** What the headers of a problem tell beside those of every answer to a caller who is known. */
const headersOfStatus: Record<number, string[]> = {
  409: ["Retry-After"],
  412: ["ETag"],
  415: ["Accept"],
  429: ["Retry-After"],
};

/** What a problem of a kind may say beside its title. */
const examples: Partial<Record<ProblemKind, { detail: string; errors?: unknown[] }>> = {
  "malformed-json": { detail: "Line 1, column 9: expected a value." },
  unauthorized: { detail: "Send an API key as Authorization: Bearer <key>." },
  forbidden: { detail: "This needs a key of the role sender; yours is a viewer's." },
  "not-found": { detail: "There is no campaign of that id." },
  conflict: {
    detail: "The campaign cannot do that: it is completed, and pause needs scheduled or running.",
  },
  "request-running": { detail: "Repeat it when the first one has ended." },
  changed: { detail: "Read it again, and send its new ETag as If-Match." },
  invalid: {
    detail: "/template/key: is required: a string",
    errors: [{ in: "body", field: "/template/key", message: "is required: a string" }],
  },
  "if-match-required": { detail: "Read it first, and send its ETag as If-Match." },
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

/** The problems of each status, as `Problem404`, with an example of each kind; `Problem` is any other. */
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
