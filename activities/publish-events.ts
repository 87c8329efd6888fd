import { setTimeout as sleep } from "node:timers/promises";
import { Context } from "@temporalio/activity";
import type { Pool } from "pg";
import { type EventRow, eventView } from "../domain/event.ts";
import { eventJoins } from "../ledger/event-columns.ts";
import { eventColumns } from "../ledger/event-columns.ts";
import { eventsGate } from "../domain/delivery/gates.ts";
import { parseRetryAfter } from "../domain/delivery/retry-after.ts";
import { type RetryPolicy, retryDelayMs } from "../domain/delivery/settle.ts";
import { signatureOf } from "../domain/signature.ts";
import type { Gates } from "../ledger/gates.ts";

/** Where events are handed to, and the secrets that they are signed with, the newest first. */
export interface EventReceiver {
  url: string;
  secrets: readonly string[];
}

/** `refused`: it does not want these. `unavailable`: it takes nothing now. */
export const publishOutcomes = ["taken", "refused", "unavailable"] as const;
type PublishOutcome = (typeof publishOutcomes)[number];

interface Answer {
  outcome: PublishOutcome;
  /** In words, without addresses. */
  detail: string;
  /** In how long it asks to be tried again. */
  retryInMs: number | null;
}

/** Resolves when the statement is committed. */
type Write = (sql: string, values: unknown[]) => Promise<void>;

type DueEvent = EventRow & { attemptCount: number };

const batchEvents = 100;
const forgottenRows = 1_000;
/** How often what nobody is to be told is forgotten: for whom a receiver is named one day, it does not matter when. */
const forgetMs = 10_000;

/** Made due in the order of their ids. */
const dueSql = `
  SELECT ${eventColumns}, e.attempt_count AS "attemptCount"
  FROM (SELECT * FROM events WHERE due_at <= (SELECT ledger_now()) ORDER BY due_at, id LIMIT $1) e ${eventJoins}
  ORDER BY e.due_at, e.id`;

const takenSql = `
  UPDATE events SET due_at = NULL, published_at = ledger_now(), attempt_count = attempt_count + 1, detail = NULL
  WHERE id = ANY($1::uuid[]) AND due_at IS NOT NULL`;

/** $3: how long these wait by themselves, in milliseconds; null: not at all. */
const notTakenSql = `
  UPDATE events SET attempt_count = attempt_count + 1, detail = $2,
    due_at = CASE WHEN $3::float8 IS NULL THEN due_at ELSE ledger_now() + $3::float8 * interval '1 millisecond' END
  WHERE id = ANY($1::uuid[]) AND due_at IS NOT NULL`;

const forgetSql = `
  UPDATE events SET due_at = NULL WHERE id IN (SELECT id FROM events WHERE due_at IS NOT NULL ORDER BY due_at, id LIMIT ${forgottenRows})`;

/**
 * Hands events to their receiver in the order of their ids, up to a hundred in one signed POST, until each was taken: at least
 * once, for what a crash leaves between its answer and our commit is sent again with the same ids. While the receiver is not
 * there everything waits, as long as it asks for or with backoff, at a gate that all workers see. What it refuses comes later
 * by itself, and the others pass it. Without a receiver nothing is meant for the outside.
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
  /** Told what became of how many events. */
  count?: (outcome: PublishOutcome, events: number) => void;
  clock?: () => Date;
  random?: () => number;
  /** How often the table is asked while nothing is due. */
  sweepMs?: number;
  /** One activity, many sweeps: an idle system costs few events of Temporal. */
  roundMs?: number;
  /** For an answer. */
  timeoutMs?: number;
}) {
  /**
   * Hands over what is next, and has what became of it written down; resolves with how long to wait before more, in milliseconds.
   */
  function createPublisher(to: EventReceiver, write: Write): () => Promise<number> {
    let failures = 0;
    /** Of a batch that was refused, those that have still to be tried one by one. */
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
    { url, secrets }: EventReceiver,
    events: readonly EventRow[],
  ): Promise<Answer> {
    const body = JSON.stringify({ events: events.map(eventView) });
    try {
      const response = await fetch(url, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          "user-agent": "Tidings",
          "tidings-signature": signatureOf({ secrets, body, at: clock() }),
        },
        body,
        redirect: "manual",
        signal: AbortSignal.timeout(timeoutMs),
      });
      // Only what it begins with is of interest, however long it is.
      await response.body?.cancel();
      const { status } = response;
      const retryAfter = response.headers.get("retry-after");
      return {
        outcome: outcomeOf(status),
        detail: `answered ${status}`,
        retryInMs: retryAfter === null ? null : msUntil(retryAfter, clock()),
      };
    } catch (error) {
      return { outcome: "unavailable", detail: whyNoAnswer(error), retryInMs: null };
    }
  }

  /** What happened while nobody was to be told. */
  async function forget(): Promise<number> {
    const { rowCount } = await pool.query(forgetSql);
    return rowCount === forgottenRows ? 0 : forgetMs;
  }

  return async function publishEvents(): Promise<void> {
    const context = Context.current();
    const { cancellationSignal: signal } = context;
    const endsAt = performance.now() + roundMs;
    const isOver = () => signal.aborted || performance.now() >= endsAt;
    /** While what became of events cannot be written down, no more are handed over: they would be handed over again. */
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

/** Of a Retry-After header, by a clock of ours, which is compared with a date of the receiver's at most. */
function msUntil(retryAfter: string, now: Date): number | null {
  const at = parseRetryAfter(retryAfter, now);
  return at && at.getTime() - now.getTime();
}

function outcomeOf(status: number): PublishOutcome {
  if (status >= 200 && status < 300) return "taken";
  return status >= 500 || [408, 425, 429].includes(status) ? "unavailable" : "refused";
}

/** Without the address, which is as secret as its owner made it. */
function whyNoAnswer(error: unknown): string {
  const { name, cause } = error as Error;
  if (name === "TimeoutError") return "no answer in time";
  const { code } = (cause ?? {}) as { code?: unknown };
  return typeof code === "string" ? `no answer: ${code}` : "no answer";
}
