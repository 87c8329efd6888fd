import { DatabaseError } from "pg";
import { Problem } from "./problem.ts";

/** An error of the driver, or as Prisma wraps one that its driver adapter raised. */
interface WrappedError {
  code?: unknown;
  message?: unknown;
  meta?: { driverAdapterError?: { cause?: { kind?: unknown; originalCode?: unknown } } };
}

// No connection from the pool in time, no transaction in time, a transaction that took too long.
const prismaCodes = new Set([
  "P1000",
  "P1001",
  "P1002",
  "P1003",
  "P1008",
  "P1017",
  "P2024",
  "P2028",
  "P2034",
  "P2037",
]);

const adapterKinds = new Set([
  "DatabaseNotReachable",
  "ConnectionClosed",
  "SocketTimeout",
  "TlsConnectionError",
  "TooManyConnections",
  "TransactionWriteConflict",
  "DatabaseDoesNotExist",
  "DatabaseAccessDenied",
  "AuthenticationFailed",
]);

// SQLSTATE: connection exceptions, no such user or database, read-only, out of resources, shut down or starting up, cancelled for its time, deadlock or lock, its files.
const sqlStates = /^(08|28|3D|53|57|58|25006|25P03|25P04|40|55P03)/;

// SQLSTATE: a connection that broke, a server out of resources, stopped by an operator or by itself, or with a fault. What
// became of a statement is not known then, or the next one would fare no better.
const unsettled = /^(|08.*|53.*|57.*|58.*|XX.*)$/;

// The driver's own errors when a connection breaks bear no code.
const driverMessages =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Client was closed|Cannot use a pool after calling end)/;

/** The 503 for an error that says that the database is away, overloaded or in another's way; null for every other error. */
export function toDatabaseProblem(error: unknown): Problem | null {
  if (!(error instanceof Error)) return null;
  const { code, message, meta }: WrappedError = error;
  const { kind, originalCode } = meta?.driverAdapterError?.cause ?? {};
  const away =
    (typeof code === "string" &&
      (prismaCodes.has(code) ||
        sqlStates.test(code) ||
        /^(ECONN|ETIMEDOUT|EPIPE|ENOTFOUND)/.test(code))) ||
    (typeof kind === "string" && adapterKinds.has(kind)) ||
    (typeof originalCode === "string" && sqlStates.test(originalCode)) ||
    (typeof message === "string" && driverMessages.test(message));
  return away
    ? new Problem(
        "unavailable",
        "The database cannot be reached or is overloaded. Repeat the request: with an Idempotency-Key it is done once at most.",
        { headers: { "Retry-After": "2" } },
      )
    : null;
}

/** Did a unique constraint refuse this? */
export const isUniqueViolation = (error: unknown): boolean => isRefusal(error, "P2002", ["23505"]);

/** Did a row that names this refuse its deletion, or is what a row names not there? Since PostgreSQL 18 RESTRICT has a state of its own. */
export const isForeignKeyViolation = (error: unknown): boolean =>
  isRefusal(error, "P2003", ["23001", "23503"]);

/** Did the server refuse a statement for what it says, or for what it met, so that nothing of it is there? */
export const isUndone = (error: unknown): boolean =>
  error instanceof DatabaseError && !unsettled.test(error.code ?? "");

function isRefusal(error: unknown, prismaCode: string, states: readonly unknown[]): boolean {
  if (!(error instanceof Error)) return false;
  const { code, meta }: WrappedError = error;
  return (
    code === prismaCode ||
    states.includes(code) ||
    states.includes(meta?.driverAdapterError?.cause?.originalCode)
  );
}
