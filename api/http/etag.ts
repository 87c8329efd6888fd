import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { ApiEnv } from "./context.ts";
import { Problem } from "./problem.ts";

/** The headers of routes that change what the caller has read before. */
export const ifMatchHeaders = z.object({
  "if-match": z.string().max(100).optional().openapi({
    description: "The ETag of what is changed, or *. Without it the answer is 428.",
    example: '"1"',
  }),
});

/** The description of an If-Match that may be left out. */
export const unconditional =
  "The ETag of what is changed, or *. Without it the change is made of whatever is there.";

/** The headers of routes whose changes mean the same whatever was there before. */
export const optionalIfMatchHeaders = z.object({
  "if-match": z
    .string()
    .max(100)
    .optional()
    .openapi({ description: unconditional, example: '"1"' }),
});

/** A strong ETag (RFC 9110, section 8.8.3) of something whose changes are counted. */
export const etagOf = (version: number) => `"${version}"`;

/** Adds the ETag to the answer that shows what it is of. */
export function setEtag(c: Context<ApiEnv>, version: number): void {
  c.header("ETag", etagOf(version));
}

/** Refuses a change of any version but this one. It must be called while the row is locked against other changes. */
export function requireMatch(c: Context<ApiEnv>, version: number): void {
  if (c.req.header("if-match") === undefined)
    throw new Problem("if-match-required", "Read it first, and send its ETag as If-Match.");
  requireMatchIfGiven(c, version);
}

/** As `requireMatch`, for changes that need no If-Match. */
export function requireMatchIfGiven(c: Context<ApiEnv>, version: number): void {
  const tags = c.req
    .header("if-match")
    ?.split(",")
    .map((tag) => tag.trim());
  if (tags && !tags.includes("*") && !tags.includes(etagOf(version)))
    throw new Problem("changed", "Read it again, and send its new ETag as If-Match.", {
      headers: { ETag: etagOf(version) },
    });
}
