import { z } from "@hono/zod-openapi";
import { problemDetails } from "../http/problem.ts";

/** The content of an answer that is a page. */
export const pageContent = { "text/html": { schema: z.string() } };

/** Describes a failure. Its answer is a page if the request accepts HTML, as a browser’s request does, otherwise a problem. */
export const describeFailure = (description: string) => ({
  description,
  content: { "application/problem+json": { schema: problemDetails }, ...pageContent },
});
