import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { ApiEnv } from "./context.ts";
import { type ProblemKind, problemTitles } from "./problem-kinds.ts";

/** An error in a request: its place, and how to correct it. */
export interface FieldError {
  in: "body" | "query" | "path" | "header";
  /** In the body a JSON pointer (RFC 6901), empty for the body itself; otherwise the name of the parameter. */
  field: string;
  message: string;
  /** The place of an error in a template, where it is known; both count from 1. */
  line?: number;
  column?: number;
}

/** The maximum number of errors that a problem lists. Further errors are only counted. */
const maxErrors = 100;

/** Makes the `type` of a problem, by which callers distinguish kinds. */
export const problemType = (kind: ProblemKind) => `urn:tidings:problem:${kind}`;

/** An error that becomes a problem response (RFC 9457). It may be thrown anywhere in a request, whose transaction is then rolled back. */
export class Problem extends Error {
  override name = "Problem";
  readonly kind: ProblemKind;
  readonly errors: readonly FieldError[];
  readonly headers: Readonly<Record<string, string>>;

  /** @param detail says what is wrong, and what the caller can do about it */
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

  /** Makes the response of RFC 9457. It keeps the headers that middleware has set. */
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
      ...(this.errors.length > 0 && { errors: this.errors.slice(0, maxErrors) }),
      ...(this.errors.length > maxErrors && { moreErrors: this.errors.length - maxErrors }),
    };
    return c.body(JSON.stringify(body), status, {
      ...this.headers,
      "content-type": "application/problem+json",
    });
  }
}

/** Makes the problem of a request that is well-formed but not valid. Each error names a field and its correction. */
export function invalid(errors: readonly FieldError[]): Problem {
  const [first] = errors;
  return new Problem(
    "invalid",
    errors.length === 1 && first
      ? `${first.field || `the ${first.in}`}: ${first.message}`
      : `The request has ${errors.length} errors. See errors${errors.length > maxErrors ? `, which lists the first ${maxErrors}` : ""}.`,
    { errors },
  );
}

/** Makes the problem of a resource that does not exist. `noun` names its kind, and `reference` what the caller identified it by. */
export function notFound(
  noun: string,
  reference: "id" | "key" | "name" | "number" = "id",
): Problem {
  return new Problem("not-found", `There is no ${noun} with this ${reference}.`);
}

/** Formats a path of keys as a JSON pointer. */
export function jsonPointer(path: readonly PropertyKey[]): string {
  return path.map((key) => `/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

/** The schema of a problem, for the OpenAPI document. */
export const problemDetails = z
  .object({
    type: z.string().openapi({
      description: "Identifies the kind of problem: `urn:tidings:problem:` and its name",
      example: problemType("not-found"),
    }),
    title: z.string().openapi({ example: problemTitles["not-found"][1] }),
    status: z.number().int().openapi({ example: 404 }),
    detail: z.string().optional().openapi({
      description: "What is wrong, and what to do about it",
      example: "There is no campaign with this id.",
    }),
    requestId: z.string().openapi({ example: "0b9ff0a1-6c0e-4f43-9d4b-53c3c1a3a2ab" }),
    errors: z
      .array(
        z.object({
          in: z.enum(["body", "query", "path", "header"]),
          field: z.string().openapi({
            description:
              "In the body a JSON pointer, empty for the whole body; otherwise the name of the parameter",
            example: "/template/key",
          }),
          message: z.string().openapi({ example: "is required: a string" }),
          line: z
            .number()
            .int()
            .optional()
            .openapi({ description: "The line of the error in a template, from 1", example: 2 }),
          column: z
            .number()
            .int()
            .optional()
            .openapi({ description: "The column of the error in that line, from 1", example: 7 }),
        }),
      )
      .optional()
      .openapi({
        description: `The first ${maxErrors} errors of the request, and how to correct each`,
      }),
    moreErrors: z
      .number()
      .int()
      .optional()
      .openapi({ description: "The number of further errors", example: 12 }),
  })
  .openapi("Problem");
