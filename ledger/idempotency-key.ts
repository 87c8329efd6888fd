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
