import { defineStatement } from "./sql.ts";

/** The state of an idempotency key, read by a transaction that tried to lock it. */
export interface KeyState {
  /** Whether this transaction holds the lock, until it ends: a crash frees the lock at once, and timeouts end a transaction that hangs. */
  locked: boolean;
  requestHash: string | null;
  status: number | null;
  body: string | null;
}

/** SQL that tries to lock a key and reads its stored answer. `scope` and `key` are the SQL of the two values. */
export const keyStateSql = (scope: string, key: string) => `
  SELECT l.locked, k.request_hash AS "requestHash", k.status, k.body #>> '{}' AS body
  FROM (SELECT pg_try_advisory_xact_lock(hashtextextended(${scope}::text || ' ' || ${key}::text, 0)) AS locked) AS l
  LEFT JOIN idempotency_keys AS k ON k.scope = ${scope}::text AND k.key = ${key}::text`;

/** Tries to lock a key for this transaction, and reads its stored answer. */
export const keyStateStatement = defineStatement<{ scope: string; key: string }, KeyState>(
  keyStateSql(":scope", ":key"),
);

/** A string of a structured field (RFC 9651, section 3.3.3), with parameters, which are ignored. */
const quotedKey = String.raw`"((?:[ !#-\[\]-~]|\\["\\]){1,255})"(?: *; *[a-z*][a-z0-9_.*-]*(?:=[!-:<-~]*)?)*`;
const bareKey = "[!#-~][!-~]{0,254}";

/** The forms of the header Idempotency-Key that `readIdempotencyKey` reads. */
export const idempotencyKeyPattern = new RegExp(`^(?:${bareKey}|${quotedKey})$`);

/**
 * Reads the header Idempotency-Key: a string of a structured field, as in the draft standard
 * (draft-ietf-httpapi-idempotency-key-header), or the bare key. Both forms give the same key. Null for any other value.
 */
export function readIdempotencyKey(header: string): string | null {
  const read = idempotencyKeyPattern.exec(header);
  return read && (read[1]?.replaceAll(/\\(["\\])/g, "$1") ?? header);
}
