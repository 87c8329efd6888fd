import type { Pool } from "pg";
import { eventsGate } from "../../domain/delivery/gates.ts";
import { type RetryPolicy, retryDelayMs } from "../../domain/delivery/settle.ts";
import { eventColumns, eventJoins } from "../../ledger/event-columns.ts";
import type { Gates } from "../../ledger/gates.ts";
import type { DueEvent, EventReceiver, Outbox } from "./publisher.ts";

/** Resolves when the statement is committed. */
export type Write = (sql: string, values: unknown[]) => Promise<void>;

const forgottenRows = 1_000;

/** Events become due in the order of their ids. */
const dueSql = `
  SELECT ${eventColumns}, e.attempt_count AS "attemptCount"
  FROM (SELECT * FROM events WHERE due_at <= (SELECT ledger_now()) ORDER BY due_at, id LIMIT $1) e ${eventJoins}
  ORDER BY e.due_at, e.id`;

const takenSql = `
  UPDATE events SET due_at = NULL, published_at = ledger_now(), attempt_count = attempt_count + 1, detail = NULL
  WHERE id = ANY($1::uuid[]) AND due_at IS NOT NULL`;

/** $3: the wait of these events alone, in milliseconds; null: they remain due. */
const notTakenSql = `
  UPDATE events SET attempt_count = attempt_count + 1, detail = $2,
    due_at = CASE WHEN $3::float8 IS NULL THEN due_at ELSE ledger_now() + $3::float8 * interval '1 millisecond' END
  WHERE id = ANY($1::uuid[]) AND due_at IS NOT NULL`;

const forgetSql = `
  UPDATE events SET due_at = NULL WHERE id IN (SELECT id FROM events WHERE due_at IS NOT NULL ORDER BY due_at, id LIMIT ${forgottenRows})`;

/**
 * The events for the receiver at `EVENTS_URL`, in the order of their ids. While it is unavailable, all of them wait at a gate that all workers
 * see. No event is given up before its retention.
 */
export function createConfiguredOutbox({
  pool,
  gates,
  receiver,
  write,
  retry,
  random,
}: {
  pool: Pick<Pool, "query">;
  gates: Pick<Gates, "look" | "shut">;
  receiver: EventReceiver;
  write: Write;
  retry: RetryPolicy;
  random: () => number;
}): Outbox {
  let failures = 0;
  return {
    async read(limit) {
      const { rows: events } = await pool.query<DueEvent>({
        name: "due-events",
        text: dueSql,
        values: [limit],
      });
      if (events.length === 0) return null;
      const { shutMs = 0 } = (await gates.look([eventsGate])).get(eventsGate) ?? {};
      return shutMs > 0 ? null : { events, to: receiver };
    },
    async settle({ ids }) {
      await write(takenSql, [ids]);
      failures = 0;
    },
    async postpone({ ids, outcome, detail, retryInMs }, alone) {
      if (outcome === "refused") {
        const waitMs = alone ? retryDelayMs(retry, alone.attemptCount + 1, random()) : null;
        await write(notTakenSql, [ids, detail, waitMs]);
        failures = 0;
        return;
      }
      failures += 1;
      const forMs = retryInMs ?? retryDelayMs(retry, failures, random());
      await gates.shut({ key: eventsGate, forMs, reason: detail });
      await write(notTakenSql, [ids, detail, null]);
    },
  };
}

/** Unmarks events that occurred while there is no receiver. Resolves with whether there may be more of them. */
export async function forgetDueEvents(pool: Pick<Pool, "query">): Promise<boolean> {
  const { rowCount } = await pool.query(forgetSql);
  return rowCount === forgottenRows;
}

/** Notes whether there is a receiver at `EVENTS_URL`, for the transactions that write events. */
export const noteReceiver = (pool: Pick<Pool, "query">, exists: boolean): Promise<unknown> =>
  pool.query(
    exists
      ? "INSERT INTO event_receivers (id, created_at) VALUES (1, ledger_now()) ON CONFLICT DO NOTHING"
      : "DELETE FROM event_receivers",
  );
