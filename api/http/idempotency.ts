import { createHash } from "node:crypto";
import { z } from "@hono/zod-openapi";
import type { Context, TypedResponse } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { JSONParsed } from "hono/utils/types";
import type { Prisma } from "../../prisma/generated/client.ts";
import {
  idempotencyKeyPattern,
  type KeyState,
  keyStateSql,
  readIdempotencyKey,
} from "../../ledger/idempotency-key.ts";
import { defineStatement, executeIn } from "../../ledger/sql.ts";
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
      "Repeating a request with the same key and body repeats its first answer, not its effect. A key in double quotes is the same as without.",
    example: "order-A-17-shipped",
  }),
});

/** A request that bears a key: `hash` tells two requests under one key apart. */
export interface KeyedRequest {
  /** The caller: each has keys of its own. */
  scope: string;
  /** The hash of the key. */
  key: string;
  hash: string;
}

/** Callers may write anything into a key, such as an address: the database holds a hash of it. */
const keptKey = (key: string) => createHash("sha256").update(key).digest("hex");

/** Reads the key of a request whose body has been read and checked; null where it has none. */
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
    key: keptKey(key),
    hash: createHash("sha256")
      .update(`${c.req.method}\n${c.req.path}${search}\n${body}`)
      .digest("hex"),
  };
}

/** Writes a value as JSON that does not depend on the order of keys. */
function canonicalJson(value: unknown): string {
  return (
    JSON.stringify(value, (_, part: unknown) =>
      typeof part === "object" && part !== null && !Array.isArray(part)
        ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
        : part,
    ) ?? ""
  );
}

/** An answer as it goes out: kept as text, so that a replay is the same to the byte. */
export interface Answer {
  status: number;
  text: string;
  replayed: boolean;
}

/** The kept answer; null if there is none yet and the lock is held. Throws the problem that stands in the way otherwise. */
export function replayOf(
  request: KeyedRequest,
  { locked, requestHash, status, body }: KeyState,
): Answer | null {
  if (requestHash !== null && status !== null && body !== null) {
    if (requestHash === request.hash) return { status, text: body, replayed: true };
    throw new Problem(
      "key-reused",
      "This Idempotency-Key was used with another path or body. Use a new key for a new request.",
    );
  }
  if (locked) return null;
  throw new Problem("request-running", "Repeat it when the first one has ended.", {
    headers: { "Retry-After": "1" },
  });
}

/** The result of a request within its transaction: what to answer, what was changed, and what to do once that is committed. */
export interface Work<Body> {
  body: Body;
  /** Entries for the audit trail; none where the request changed nothing. */
  changes: readonly Change[];
  committed?: () => void;
}

const keyStateStatement = defineStatement<{ scope: string; key: string }, KeyState>(
  keyStateSql(":scope", ":key"),
);

/**
 * Does `work` and writes its changes to the audit trail, in one transaction, which may take as long as others may where nothing else is
 * said. Resolves with what to answer.
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
 * As `withAuditedTransaction`, and keeps the answer under the Idempotency-Key of the request: all of it happens, or nothing.
 * With a key that has an answer, that is given again and `work` is not done; headers that `committed` sets are not given
 * again. A problem that `work` throws is not kept. `acknowledge` is waited for before the answer, each time that it is given, and
 * says the part of it that is not kept.
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
        const kept = replayOf(request, state!);
        if (kept) return kept;
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
 * Runs `attempt` again if it collided with a request of the same key: one that was committed after this one's statement
 * began to look and before it had the lock. The second look finds its answer.
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
  // The text is that of a `Body`: what was made from one, or kept from one under the hash of the same route.
  return c.body(text, status as ContentfulStatusCode, headers) as unknown as Response &
    TypedResponse<JSONParsed<Body>, Status, "json">;
}
