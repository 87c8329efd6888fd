import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { ApiEnv } from "./context.ts";
import { Problem } from "./problem.ts";

/** The headers of routes that change a resource which the caller must have read before. */
export const ifMatchHeaders = z.object({
  "if-match": z.string().max(100).optional().openapi({
    description:
      "The ETag of the resource to change, or `*` for any version. Without it the response is 428.",
    example: '"1"',
  }),
});

/** The description of an If-Match that may be left out. */
export const unconditional =
  "The ETag of the resource to change, or `*` for any version. Without it any version is changed.";

/** The headers of routes whose changes mean the same for every version of the resource. */
export const optionalIfMatchHeaders = z.object({
  "if-match": z
    .string()
    .max(100)
    .optional()
    .openapi({ description: unconditional, example: '"1"' }),
});

/** Makes a strong ETag (RFC 9110, section 8.8.3) of the version of a resource. */
export const etagOf = (version: number) => `"${version}"`;

/** Adds the ETag of a resource to the response that shows it. */
export function setEtag(c: Context<ApiEnv>, version: number): void {
  c.header("ETag", etagOf(version));
}

/** Throws a problem unless If-Match names this version. It must be called while the row is locked against other changes. */
export function requireMatch(c: Context<ApiEnv>, version: number): void {
  if (c.req.header("if-match") === undefined)
    throw new Problem(
      "if-match-required",
      "Read the resource first, and send its ETag as If-Match.",
    );
  requireMatchIfGiven(c, version);
}

/** Throws a problem if there is an If-Match and it does not name this version. For changes that need no If-Match. */
export function requireMatchIfGiven(c: Context<ApiEnv>, version: number): void {
  const tags = c.req
    .header("if-match")
    ?.split(",")
    .map((tag) => tag.trim());
  if (tags && !tags.includes("*") && !tags.includes(etagOf(version)))
    throw new Problem("changed", "Read the resource again, and send its new ETag as If-Match.", {
      headers: { ETag: etagOf(version) },
    });
}
