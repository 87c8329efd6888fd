import { OpenAPIHono, type z } from "@hono/zod-openapi";
import type { Pool } from "pg";
import type { Logger } from "pino";
import type { PrismaClient } from "../prisma/generated/client.ts";
import { invalid, problemDetails } from "./problem.ts";
import { fieldErrors } from "./validation.ts";
import type { Wakes } from "./wakes.ts";

/** What the routes need. Whoever made these ends them. */
export interface ApiDeps {
  prisma: PrismaClient;
  /** For the one write that has to be fast. */
  pool: Pool;
  wakes: Wakes;
  /** Resolves if Temporal answers, soon; rejects if it does not. */
  probeTemporal: () => Promise<void>;
  logger: Logger;
  config: { apiKey: string; bodyLimitBytes: number; mailboxShards: number; campaignLanes: number };
  clock: () => Date;
}

export interface ApiEnv {
  Variables: {
    requestId: string;
    /** As it was sent, of a request with a JSON body. */
    body: unknown;
  };
}

/** A router whose requests are refused with a problem where a schema finds a fault. */
export function createRouter() {
  return new OpenAPIHono<ApiEnv>({
    defaultHook: (result) => {
      if (result.success) return;
      const sources = {
        json: "body",
        form: "body",
        query: "query",
        param: "path",
        header: "header",
        cookie: "header",
      } as const;
      throw invalid(fieldErrors(result.error, sources[result.target]));
    },
  });
}

/** For a route's `request.body`. */
export const jsonContent = <Schema extends z.ZodType>(schema: Schema) => ({
  required: true,
  content: { "application/json": { schema } },
});

/** For a route's `responses`: the answer it is there for, and the form of all others. */
export function responses<Status extends number, Schema extends z.ZodType>(
  status: Status,
  description: string,
  schema: Schema,
) {
  const expected = { description, content: { "application/json": { schema } } };
  return { [status]: expected, ...problemResponse } as {
    [S in Status]: typeof expected;
  } & typeof problemResponse;
}

export const problemResponse = {
  default: {
    description: "A problem (RFC 9457)",
    content: { "application/problem+json": { schema: problemDetails } },
  },
};
