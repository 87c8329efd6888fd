import { createHash } from "node:crypto";
import { z } from "@hono/zod-openapi";
import type { Context, TypedResponse } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { JSONParsed } from "hono/utils/types";
import type { Prisma } from "../../prisma/generated/client.ts";
import {
  idempotencyKeyPattern,
  type KeyState,
  keyStateStatement,
  readIdempotencyKey,
} from "../../ledger/idempotency-key.ts";
import { executeIn } from "../../ledger/sql.ts";
import { canonicalJson } from "../../lib/canonical-json.ts";
import type { ApiEnv } from "./context.ts";
import { isUniqueViolation } from "./database-errors.ts";
import { invalid, Problem } from "./problem.ts";
import { type Change, recordChanges } from "./audit.ts";
import type { ApiDeps } from "./router.ts";

const malformedKey =
  "must be 1 to 255 visible ASCII characters, or a string in double quotes (RFC 9651, section 3.3.3)";

/** The headers of routes that honour an Idempotency-Key. */
export const idempotencyHeaders = z.object({
  "idempotency-key": z.string().regex(idempotencyKeyPattern, malformedKey).optional().openapi({
    description:
      "Repeating a request with the same key and body repeats its first response, not its effect. A key in double quotes is the same as one without.",
    example: "order-A-17-shipped",
  }),
});

/** A request with an Idempotency-Key. */
export interface KeyedRequest {
  /** The scope of the caller: each caller has keys of its own. */
  scope: string;
  /** The hash of the key. */
  key: string;
  /** The hash of method, path and body, which distinguishes two requests with the same key. */
  hash: string;
}

/** Hashes a key for the database, because callers may write anything into one, such as an address. */
const hashKey = (key: string) => createHash("sha256").update(key).digest("hex");

/** Reads the key of a request whose body has been read and checked; null if it has none. */
export function readKeyedRequest(c: Context<ApiEnv>): KeyedRequest | null {
  const header = c.req.header("idempotency-key");
  if (header === undefined) return null;
  const key = readIdempotencyKey(header);
  if (key === null)
    throw invalid([{ in: "header", field: "idempotency-key", message: malformedKey }]);
  const { search } = new URL(c.req.url);
  const body = canonicalJson(c.get("body"));
  return {
    scope: c.get("caller").scope,
    key: hashKey(key),
    hash: createHash("sha256")
      .update(`${c.req.method}\n${c.req.path}${search}\n${body}`)
      .digest("hex"),
  };
}

/** A response to send. It is stored as text, so that a replay is the same to the byte. */
export interface Answer {
  status: number;
  text: string;
  replayed: boolean;
}

/**
 * Returns the stored response of a key, or null if there is none and this request holds the lock of the key. Throws a problem if the
 * key was used for another request, or if another request with it is running.
 */
export function replayOf(
  request: KeyedRequest,
  { locked, requestHash, status, body }: KeyState,
): Answer | null {
  if (requestHash !== null && status !== null && body !== null) {
    if (requestHash === request.hash) return { status, text: body, replayed: true };
    throw new Problem(
      "key-reused",
      "This Idempotency-Key was used with another path, query or body. Use a new key for a new request.",
    );
  }
  if (locked) return null;
  throw new Problem(
    "request-running",
    "Wait until the first request has finished, then send this one again.",
    { headers: { "Retry-After": "1" } },
  );
}

/** The result of the work of a request within its transaction. */
export interface Work<Body> {
  /** The body of the response. */
  body: Body;
  /** Entries for the audit trail; none if the request changed nothing. */
  changes: readonly Change[];
  /** Called after the transaction has been committed. */
  committed?: () => void;
}

/**
 * Does `work` and writes its changes to the audit trail, in one transaction. Resolves with the body of the response.
 * @param options.timeoutMs how long the transaction may take; by default as long as every other
 */
export async function withAuditedTransaction<Body>(
  c: Context<ApiEnv>,
  { prisma, clock }: Pick<ApiDeps, "prisma" | "clock">,
  work: (tx: Prisma.TransactionClient) => Promise<Work<Body>>,
  { timeoutMs }: { timeoutMs?: number } = {},
): Promise<Body> {
  const { body, committed } = await prisma.$transaction(
    async (tx) => {
      const done = await work(tx);
      await recordChanges(c, tx, done.changes, clock());
      return done;
    },
    timeoutMs === undefined ? {} : { timeout: timeoutMs },
  );
  committed?.();
  return body;
}

/**
 * Does `work` and writes its changes to the audit trail and its response to the Idempotency-Key of the request, in one transaction. If
 * the key has a response already, the function repeats that and does not do `work`; headers that `committed` sets are not repeated. A
 * problem that `work` throws is not stored.
 * @param acknowledge is awaited before every response, also a repeated one, and resolves with the part of the body that is not stored
 */
export async function withIdempotentTransaction<Body, Status extends ContentfulStatusCode>(
  c: Context<ApiEnv>,
  { prisma, clock }: Pick<ApiDeps, "prisma" | "clock">,
  status: Status,
  work: (tx: Prisma.TransactionClient) => Promise<Work<Body>>,
  acknowledge?: () => Promise<Partial<Body>>,
): Promise<Response & TypedResponse<JSONParsed<Body>, Status, "json">> {
  const request = readKeyedRequest(c);
  const attempt = () =>
    prisma.$transaction(async (tx): Promise<Answer & { committed?: () => void }> => {
      if (request) {
        const [state] = await executeIn(tx)(keyStateStatement, request);
        const stored = replayOf(request, state!);
        if (stored) return stored;
      }
      const { body, changes, committed } = await work(tx);
      await recordChanges(c, tx, changes, clock());
      const text = JSON.stringify(body);
      if (request) {
        await tx.idempotencyKey.create({
          data: {
            scope: request.scope,
            key: request.key,
            requestHash: request.hash,
            status,
            body: text,
          },
        });
      }
      return { status, text, replayed: false, ...(committed && { committed }) };
    });
  const { committed, ...answer } = await retryOnce(request, attempt);
  committed?.();
  if (!acknowledge) return answerWith<Body, Status>(c, answer);
  const body = { ...(JSON.parse(answer.text) as object), ...(await acknowledge()) };
  return answerWith<Body, Status>(c, { ...answer, text: JSON.stringify(body) });
}

/**
 * Runs `attempt`, and again if it collides with a request of the same key. That request was committed after the statement of this one
 * took its snapshot and before it had the lock. The second attempt finds the stored response.
 */
export async function retryOnce<Result>(
  request: KeyedRequest | null,
  attempt: () => Promise<Result>,
): Promise<Result> {
  try {
    return await attempt();
  } catch (error) {
    if (!request || !isUniqueViolation(error)) throw error;
    return attempt();
  }
}

export function answerWith<Body, Status extends ContentfulStatusCode>(
  c: Context<ApiEnv>,
  { status, text, replayed }: Answer,
): Response & TypedResponse<JSONParsed<Body>, Status, "json"> {
  const headers = {
    "content-type": "application/json",
    ...(replayed && { "Idempotency-Replayed": "true" }),
  };
  // The text is a serialized `Body`: a new one, or a stored one whose hash shows that it comes from the same route.
  return c.body(text, status as ContentfulStatusCode, headers) as unknown as Response &
    TypedResponse<JSONParsed<Body>, Status, "json">;
}
