import type { Pool } from "pg";
import { newUuid } from "../../domain/ids.ts";
import type { ReportedProcess } from "../../domain/processes.ts";
import { reportProcess } from "../../ledger/processes.ts";
import { executeOn } from "../../ledger/sql.ts";

/** Writes the row of a process that works well, apart from what is given, and was last seen `unseen` ago (an interval of PostgreSQL). */
export async function addProcess(
  pool: Pick<Pool, "query">,
  {
    unseen = "0",
    ...more
  }: Partial<Omit<ReportedProcess, "startedAt" | "seenAt" | "unseenMs">> & { unseen?: string } = {},
): Promise<void> {
  const id = newUuid();
  await executeOn(pool)(reportProcess, {
    id,
    kind: "worker",
    host: "host-1",
    pid: 1,
    version: "0.3.0",
    upMs: 7_200_000,
    clockAheadMs: 3,
    memoryBytes: 183_500_800,
    memoryShare: 0.21,
    eventLoopDelayMs: 4.2,
    taskQueues: [],
    isReady: true,
    ...more,
  });
  await pool.query("UPDATE processes SET seen_at = seen_at - $2::interval WHERE id = $1", [
    id,
    unseen,
  ]);
}
