/** What the database says of a key, seen by a transaction that tried for the key's lock. */
export interface KeyState {
  /** Held to the end of the transaction: a crash frees it at once, a transaction that hangs is ended by its timeouts. */
  locked: boolean;
  requestHash: string | null;
  status: number | null;
  body: string | null;
}

/** Tries for the lock of a key and looks for its answer. `scope` and `key` are the parameters of the statement that it stands in. */
export const keyStateSql = (scope: string, key: string) => `
  SELECT l.locked, k.request_hash AS "requestHash", k.status, k.body #>> '{}' AS body
  FROM (SELECT pg_try_advisory_xact_lock(hashtextextended(${scope}::text || ' ' || ${key}::text, 0)) AS locked) AS l
  LEFT JOIN idempotency_keys AS k ON k.scope = ${scope}::text AND k.key = ${key}::text`;

/** A string of a structured field (RFC 9651, section 3.3.3), and parameters, which mean nothing here. */
const quotedKey = String.raw`"((?:[ !#-\[\]-~]|\\["\\]){1,255})"(?: *; *[a-z*][a-z0-9_.*-]*(?:=[!-:<-~]*)?)*`;
const bareKey = "[!#-~][!-~]{0,254}";

/** The forms of the header Idempotency-Key that `readIdempotencyKey` reads. */
export const idempotencyKeyPattern = new RegExp(`^(?:${bareKey}|${quotedKey})$`);

/**
 * Reads the header Idempotency-Key: a string of a structured field, as the standard that is being drafted has it
 * (draft-ietf-httpapi-idempotency-key-header), or the key as it is. Both are the same key. Null for what is neither.
 */
export function readIdempotencyKey(header: string): string | null {
  const read = idempotencyKeyPattern.exec(header);
  return read && (read[1]?.replaceAll(/\\(["\\])/g, "$1") ?? header);
}
