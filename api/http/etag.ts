import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { ApiEnv } from "./context.ts";
import { Problem } from "./problem.ts";

/** For the routes that change what was read before. */
export const ifMatchHeaders = z.object({
  "if-match": z.string().max(100).optional().openapi({
    description: "The ETag of what is changed, or *. Without it the answer is 428.",
    example: '"1"',
  }),
});

/** What is said of an If-Match that may be left out. */
export const unconditional =
  "The ETag of what is changed, or *. Without it the change is made of whatever is there.";

/** For the routes whose changes mean the same whatever was there before. */
export const optionalIfMatchHeaders = z.object({
  "if-match": z
    .string()
    .max(100)
    .optional()
    .openapi({ description: unconditional, example: '"1"' }),
});

/** A strong ETag (RFC 9110, section 8.8.3) of something whose changes are counted. */
export const etagOf = (version: number) => `"${version}"`;

/** For the answer that shows it. */
export function setEtag(c: Context<ApiEnv>, version: number): void {
  c.header("ETag", etagOf(version));
}

/** Refuses a change of anything but `version`: to be called while it is held against other changes. */
export function requireMatch(c: Context<ApiEnv>, version: number): void {
  if (c.req.header("if-match") === undefined)
    throw new Problem("if-match-required", "Read it first, and send its ETag as If-Match.");
  requireMatchIfGiven(c, version);
}

/** As `requireMatch`, of changes that need not say what they are of. */
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
