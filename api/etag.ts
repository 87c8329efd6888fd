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

/** A strong ETag (RFC 9110, section 8.8.3) of something whose changes are counted. */
export const etagOf = (version: number) => `"${version}"`;

/** For the answer that shows it. */
export function setEtag(c: Context<ApiEnv>, version: number): void {
  c.header("ETag", etagOf(version));
}

/** Refuses a change of anything but `version`: to be called while it is held against other changes. */
export function requireMatch(c: Context<ApiEnv>, version: number): void {
  const given = c.req.header("if-match");
  if (given === undefined)
    throw new Problem("if-match-required", "Read it first, and send its ETag as If-Match.");
  const tags = given.split(",").map((tag) => tag.trim());
  if (!tags.includes("*") && !tags.includes(etagOf(version)))
    throw new Problem("changed", "Read it again, and send its new ETag as If-Match.", {
      headers: { ETag: etagOf(version) },
    });
}
