import { setTimeout as sleep } from "node:timers/promises";
import { Context } from "@temporalio/activity";
import type { Pool } from "pg";
import { type EventRow, eventView } from "../domain/event.ts";
import { eventColumns, eventJoins } from "../ledger/event-columns.ts";
import { eventsGate } from "../domain/delivery/gates.ts";
import { parseRetryAfter } from "../domain/delivery/retry-after.ts";
import { type RetryPolicy, retryDelayMs } from "../domain/delivery/settle.ts";
import { batchId, signatureOf, standardWebhookHeaders } from "../domain/signature.ts";
import type { Gates } from "../ledger/gates.ts";
import type { OutboundClient } from "../lib/outbound/client.ts";

/** The application that events are sent to. */
export interface EventReceiver {
  url: string;
  /** Each of them signs, the newest first. */
  secrets: readonly string[];
  http: Pick<OutboundClient, "send">;
}

/** `refused`: the receiver does not accept these events. `unavailable`: it accepts nothing now, or cannot be reached. */
export const publishOutcomes = ["taken", "refused", "unavailable"] as const;
type PublishOutcome = (typeof publishOutcomes)[number];

interface Answer {
  outcome: PublishOutcome;
  /** In words, without addresses: viewers read it. */
  detail: string;
  /** The wait that the receiver asks for, in milliseconds. */
  retryInMs: number | null;
}

/** Resolves when the statement is committed. */
type Write = (sql: string, values: unknown[]) => Promise<void>;

type DueEvent = EventRow & { attemptCount: number };

const batchEvents = 100;
const forgottenRows = 1_000;
/** How often events are unmarked while there is no receiver, in milliseconds. Nobody waits for that. */
const forgetMs = 10_000;

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
 * Sends events to their receiver in the order of their ids, up to a hundred in one signed POST, until it has accepted each of them. Events
 * are sent at least once: after a crash between the receiver's answer and our commit they are sent again with the same ids. While the
 * receiver is unavailable, all events wait at a gate that all workers see, as long as the receiver asks for or with backoff. An event
 * that the receiver refuses is sent again later by itself, and other events pass it. Without a receiver, events are only kept.
 */
export function createPublishEvents({
  pool,
  gates,
  receiver,
  retry,
  count = () => {},
  clock = () => new Date(),
  random = Math.random,
  sweepMs = 1_000,
  roundMs = 600_000,
  timeoutMs = 10_000,
}: {
  pool: Pick<Pool, "query">;
  gates: Pick<Gates, "look" | "shut">;
  receiver: EventReceiver | null;
  retry: RetryPolicy;
  /** Called with the outcome of each request and the number of its events. */
  count?: (outcome: PublishOutcome, events: number) => void;
  clock?: () => Date;
  random?: () => number;
  /** The wait between two looks at the table while nothing is due, in milliseconds. */
  sweepMs?: number;
  /** Duration of one activity in milliseconds. It looks at the table many times, so that an idle system costs Temporal few events. */
  roundMs?: number;
  /** Time for one request and its answer, in milliseconds. */
  timeoutMs?: number;
}) {
  /** Returns a function that sends the next events and writes their outcome; it resolves with the wait before the next call in milliseconds. */
  function createPublisher(to: EventReceiver, write: Write): () => Promise<number> {
    let failures = 0;
    /** The number of events of a refused batch that have yet to be tried one by one. */
    let singly = 0;

    return async () => {
      const { rows: events } = await pool.query<DueEvent>({
        name: "due-events",
        text: dueSql,
        values: [singly > 0 ? 1 : batchEvents],
      });
      const [first] = events;
      if (!first) return sweepMs;
      const { shutMs = 0 } = (await gates.look([eventsGate])).get(eventsGate) ?? {};
      if (shutMs > 0) return Math.min(shutMs, sweepMs);

      const ids = events.map(({ id }) => id);
      const { outcome, detail, retryInMs } = await post(to, events);
      count(outcome, events.length);
      switch (outcome) {
        case "taken":
          await write(takenSql, [ids]);
          failures = 0;
          singly = Math.max(0, singly - events.length);
          return 0;
        case "refused": {
          const alone = events.length === 1;
          const waitMs = alone ? retryDelayMs(retry, first.attemptCount + 1, random()) : null;
          await write(notTakenSql, [ids, detail, waitMs]);
          failures = 0;
          singly = alone ? Math.max(0, singly - 1) : events.length;
          return 0;
        }
        case "unavailable": {
          failures += 1;
          const forMs = retryInMs ?? retryDelayMs(retry, failures, random());
          await gates.shut({ key: eventsGate, forMs, reason: detail });
          await write(notTakenSql, [ids, detail, null]);
          return sweepMs;
        }
      }
    };
  }

  async function post(
    { url, secrets, http }: EventReceiver,
    events: readonly EventRow[],
  ): Promise<Answer> {
    const views = events.map(eventView);
    const body = JSON.stringify({ events: views });
    const at = clock();
    const answer = await http.send({
      url,
      method: "POST",
      headers: {
        "content-type": "application/json",
        "user-agent": "Tidings",
        "tidings-signature": signatureOf({ secrets, body, at }),
        ...standardWebhookHeaders({ id: batchId(views.map(({ id }) => id)), secrets, body, at }),
      },
      body,
      wantedHeaders: ["retry-after"],
      deadlineMs: timeoutMs,
    });
    if (answer.kind !== "answered")
      return { outcome: "unavailable", detail: answer.detail, retryInMs: null };
    const { status, headers } = answer;
    const retryAfter = headers["retry-after"];
    return {
      outcome: outcomeOf(status),
      detail: `answered ${status}`,
      retryInMs: retryAfter === undefined ? null : msUntil(retryAfter, clock()),
    };
  }

  /** Unmarks events that occurred while there is no receiver. */
  async function forget(): Promise<number> {
    const { rowCount } = await pool.query(forgetSql);
    return rowCount === forgottenRows ? 0 : forgetMs;
  }

  return async function publishEvents(): Promise<void> {
    const context = Context.current();
    const { cancellationSignal: signal } = context;
    const endsAt = performance.now() + roundMs;
    const isOver = () => signal.aborted || performance.now() >= endsAt;
    /** Repeats a statement until it succeeds: while outcomes cannot be written, further events would only be sent twice. */
    const write: Write = async (sql, values) => {
      for (;;) {
        try {
          return void (await pool.query(sql, values));
        } catch (error) {
          if (isOver()) throw error;
        }
        context.heartbeat();
        await sleep(sweepMs, undefined, { signal }).catch(() => {});
      }
    };
    const next = receiver === null ? forget : createPublisher(receiver, write);
    while (!isOver()) {
      const waitMs = await next();
      context.heartbeat();
      if (waitMs > 0) await sleep(waitMs, undefined, { signal }).catch(() => {});
    }
  };
}

/** Returns the wait that a `Retry-After` header asks for in milliseconds; null if it is malformed. */
function msUntil(retryAfter: string, now: Date): number | null {
  const at = parseRetryAfter(retryAfter, now);
  return at && at.getTime() - now.getTime();
}

function outcomeOf(status: number): PublishOutcome {
  if (status >= 200 && status < 300) return "taken";
  return status >= 500 || [408, 425, 429].includes(status) ? "unavailable" : "refused";
}
