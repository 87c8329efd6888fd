import type { ProcessKind, ReportedProcess } from "../domain/processes.ts";
import { defineStatement } from "./sql.ts";

/** A row of a process; its id is a UUID. */
export type ProcessRow = ReportedProcess & { id: string };

/** How many old rows one report removes at most. */
const removedRows = 100;
/** How many processes are listed at most. */
const listedRows = 500;

/**
 * Writes the row of a process. Rows that were not seen for an hour are removed, except for the last one of its kind, which shows since when
 * there is none.
 */
export const reportProcess = defineStatement<{
  id: string;
  kind: ProcessKind;
  host: string;
  pid: number;
  version: string;
  upMs: number;
  clockAheadMs: number;
  memoryBytes: number;
  memoryShare: number;
  eventLoopDelayMs: number;
  taskQueues: readonly string[];
  isReady: boolean;
}>(
  `WITH clock AS MATERIALIZED (SELECT ledger_now() AS now),
  old AS (
    SELECT id FROM processes p, clock
    WHERE seen_at < clock.now - interval '1 hour' AND id <> :id::uuid
      AND EXISTS (SELECT FROM processes later WHERE later.kind = p.kind AND later.seen_at > p.seen_at)
    LIMIT ${removedRows} FOR UPDATE OF p SKIP LOCKED
  ),
  removed AS (DELETE FROM processes WHERE id IN (SELECT id FROM old))
  INSERT INTO processes (id, kind, host, pid, version, started_at, seen_at, clock_ahead_ms, memory_bytes, memory_share, event_loop_delay_ms,
    task_queues, is_ready)
  SELECT :id::uuid, :kind::text, :host::text, :pid::int, :version::text, clock.now - :upMs::float8 * interval '1 millisecond', clock.now,
    :clockAheadMs::float8, :memoryBytes::bigint, :memoryShare::float8, :eventLoopDelayMs::float8, :taskQueues::text[], :isReady::boolean
  FROM clock
  ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at, clock_ahead_ms = excluded.clock_ahead_ms, memory_bytes = excluded.memory_bytes,
    memory_share = excluded.memory_share, event_loop_delay_ms = excluded.event_loop_delay_ms, task_queues = excluded.task_queues,
    is_ready = excluded.is_ready`,
  "report-process",
);

/** Removes the row of a process that stops. */
export const removeProcess = defineStatement<{ id: string }>(
  "DELETE FROM processes WHERE id = :id::uuid",
);

/** Reads the processes, those that were seen last first. */
export const readProcesses = defineStatement<object, ProcessRow>(
  `SELECT id, kind, host, pid, version, started_at AS "startedAt", seen_at AS "seenAt",
    greatest(0, extract(epoch FROM ledger_now() - seen_at) * 1000)::float8 AS "unseenMs", clock_ahead_ms AS "clockAheadMs",
    memory_bytes::float8 AS "memoryBytes", memory_share AS "memoryShare", event_loop_delay_ms AS "eventLoopDelayMs",
    task_queues AS "taskQueues", is_ready AS "isReady"
  FROM processes ORDER BY seen_at DESC LIMIT ${listedRows}`,
  "processes",
);
