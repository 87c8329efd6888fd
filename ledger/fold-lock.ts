/*
 * Table expressions of the statements that add changes to numbers.
 */

export const clock = "clock AS MATERIALIZED (SELECT ledger_now() AS now)";

/**
 * One process folds at a time: a second one does nothing. Statements of all kinds therefore never wait for each other's cells.
 */
export const alone =
  "alone AS MATERIALIZED (SELECT pg_try_advisory_xact_lock(hashtext('delivery_counts')) AS yes)";
