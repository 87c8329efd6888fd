import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { ApiEnv } from "./context.ts";
import { type ProblemKind, problemTitles } from "./problem-kinds.ts";

/** Where in a request a fault is, and how to correct it. */
export interface FieldError {
  in: "body" | "query" | "path" | "header";
  /** A JSON pointer (RFC 6901) into the body, empty for the body itself; elsewhere the name of the parameter. */
  field: string;
  message: string;
}

/** Faults that an answer lists. All others are counted. */
const mostErrors = 100;

/** The `type` of problem details, by which callers tell kinds apart. */
export const problemType = (kind: ProblemKind) => `urn:tidings:problem:${kind}`;

/** An answer other than the expected one. It may be thrown anywhere in a request, whose transaction is then rolled back. */
export class Problem extends Error {
  override name = "Problem";
  readonly kind: ProblemKind;
  readonly errors: readonly FieldError[];
  readonly headers: Readonly<Record<string, string>>;

  /** `detail` is shown to the caller. */
  constructor(
    kind: ProblemKind,
    detail: string,
    {
      errors = [],
      headers = {},
    }: { errors?: readonly FieldError[]; headers?: Record<string, string> } = {},
  ) {
    super(detail);
    this.kind = kind;
    this.errors = errors;
    this.headers = headers;
  }

  /** Makes the answer of RFC 9457. It keeps the headers that middleware has set. */
  toResponse(c: Context<ApiEnv>): Response {
    const [status, title] = problemTitles[this.kind];
    c.set("problem", this.kind);
    const requestId = c.get("requestId");
    const body = {
      type: problemType(this.kind),
      title,
      status,
      ...(this.message && { detail: this.message }),
      requestId,
      ...(this.errors.length > 0 && { errors: this.errors.slice(0, mostErrors) }),
      ...(this.errors.length > mostErrors && { moreErrors: this.errors.length - mostErrors }),
    };
    return c.body(JSON.stringify(body), status, {
      ...this.headers,
      "content-type": "application/problem+json",
    });
  }
}

/** The problem of a request that is well-formed and cannot be done as it stands; each error names a field and its correction. */
export function invalid(errors: readonly FieldError[]): Problem {
  const [first] = errors;
  return new Problem(
    "invalid",
    errors.length === 1 && first
      ? `${first.field || `the ${first.in}`}: ${first.message}`
      : `${errors.length} faults, ${errors.length > mostErrors ? `the first ${mostErrors} of them ` : ""}listed in errors`,
    { errors },
  );
}

export function notFound(what: string, named: "id" | "key" | "name" | "number" = "id"): Problem {
  return new Problem("not-found", `There is no ${what} of that ${named}.`);
}

/** Formats a path of keys as a JSON pointer. */
export function jsonPointer(path: readonly PropertyKey[]): string {
  return path.map((key) => `/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

/** The schema of a problem, for the OpenAPI document. */
export const problemDetails = z
  .object({
    type: z.string().openapi({
      description: "`urn:tidings:problem:` and the kind of the problem: to be told apart by",
      example: problemType("not-found"),
    }),
    title: z.string().openapi({ example: problemTitles["not-found"][1] }),
    status: z.number().int().openapi({ example: 404 }),
    detail: z
      .string()
      .optional()
      .openapi({ description: "What to do about it", example: "There is no campaign of that id." }),
    requestId: z.string().openapi({ example: "0b9ff0a1-6c0e-4f43-9d4b-53c3c1a3a2ab" }),
    errors: z
      .array(
        z.object({
          in: z.enum(["body", "query", "path", "header"]),
          field: z.string().openapi({
            description: "In the body a JSON pointer, empty for the whole; else a parameter's name",
            example: "/template/key",
          }),
          message: z.string().openapi({ example: "is required: a string" }),
        }),
      )
      .optional()
      .openapi({
        description: `Each fault of the request, and its mend: the first ${mostErrors} of them`,
      }),
    moreErrors: z
      .number()
      .int()
      .optional()
      .openapi({ description: "How many faults there are beside those", example: 12 }),
  })
  .openapi("Problem");
