import { DatabaseError } from "pg";
import { Problem } from "./problem.ts";

/** An error of the driver, or an error of Prisma that wraps one of its driver adapter. */
interface WrappedError {
  code?: unknown;
  message?: unknown;
  meta?: { driverAdapterError?: { cause?: { kind?: unknown; originalCode?: unknown } } };
}

// The database cannot be reached, the pool had no connection in time, or a transaction started too late or took too long.
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

// SQLSTATE: connection exceptions, unknown user or database, read-only, out of resources, shut down or starting up, cancelled after a time-out, deadlock or lock, file errors.
const sqlStates = /^(08|28|3D|53|57|58|25006|25P03|25P04|40|55P03)/;

// SQLSTATE: a broken connection, or a server that is out of resources, was stopped or has an internal error. The outcome of the
// statement is unknown then, or the next statement would fail in the same way.
const unknownOutcome = /^(|08.*|53.*|57.*|58.*|XX.*)$/;

// The driver's own errors for a broken connection have no code.
const driverMessages =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Client was closed|Cannot use a pool after calling end)/;

/** Makes a 503 of an error that says that the database is unavailable, overloaded or blocked by another transaction; null for every other error. */
export function toDatabaseProblem(error: unknown): Problem | null {
  if (!(error instanceof Error)) return null;
  const { code, message, meta }: WrappedError = error;
  const { kind, originalCode } = meta?.driverAdapterError?.cause ?? {};
  const unavailable =
    (typeof code === "string" &&
      (prismaCodes.has(code) ||
        sqlStates.test(code) ||
        /^(ECONN|ETIMEDOUT|EPIPE|ENOTFOUND)/.test(code))) ||
    (typeof kind === "string" && adapterKinds.has(kind)) ||
    (typeof originalCode === "string" && sqlStates.test(originalCode)) ||
    (typeof message === "string" && driverMessages.test(message));
  return unavailable
    ? new Problem(
        "unavailable",
        "The database cannot be reached or is overloaded. Send the request again: with an Idempotency-Key it takes effect at most once.",
        { headers: { "Retry-After": "2" } },
      )
    : null;
}

/** Whether a unique constraint refused the statement. */
export const isUniqueViolation = (error: unknown): boolean => isRefusal(error, "P2002", ["23505"]);

/** Whether a foreign key refused the statement: a row refers to a deleted one, or to a missing one. Since PostgreSQL 18 RESTRICT has a state of its own. */
export const isForeignKeyViolation = (error: unknown): boolean =>
  isRefusal(error, "P2003", ["23001", "23503"]);

/** Whether the server refused the statement itself, so that it certainly had no effect. */
export const isUndone = (error: unknown): boolean =>
  error instanceof DatabaseError && !unknownOutcome.test(error.code ?? "");

function isRefusal(error: unknown, prismaCode: string, states: readonly unknown[]): boolean {
  if (!(error instanceof Error)) return false;
  const { code, meta }: WrappedError = error;
  return (
    code === prismaCode ||
    states.includes(code) ||
    states.includes(meta?.driverAdapterError?.cause?.originalCode)
  );
}
