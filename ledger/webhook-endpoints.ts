import type { EventRow } from "../domain/event.ts";
import { testKind } from "../domain/event-kinds.ts";
import {
  type AttemptOutcome,
  endpointFailingDays,
  eventRetryDays,
  keptAttemptDays,
  keptAttempts,
} from "../domain/webhook-endpoint.ts";
import { eventColumns, eventJoins } from "./event-columns.ts";
import { defineStatement, type Execute } from "./sql.ts";

/*
 * The events that webhook endpoints have yet to accept, and the requests that were sent to them. One activity of all workers sends them, so that
 * no event is claimed; after a crash, what was in flight is sent again.
 */

/** An endpoint to which events can be sent now. */
export interface ReadyEndpoint {
  id: string;
  url: string;
  /** Sealed. */
  secret: Buffer;
  /** Sealed; null if it does not sign any more. */
  previousSecret: Buffer | null;
  failureCount: number;
}

/** An event to send, and how often it was sent to the endpoint. */
export type QueuedEvent = EventRow & { attemptCount: number };

const isReady = "w.is_enabled AND (w.retry_at IS NULL OR w.retry_at <= ledger_now())";

const readyStatement = defineStatement<object, { id: string }>(
  `SELECT w.id FROM webhook_endpoints w WHERE ${isReady}
     AND EXISTS (SELECT FROM event_deliveries q WHERE q.endpoint_id = w.id AND q.due_at <= (SELECT ledger_now()))`,
  "ready-endpoints",
);

/** The UUIDs of the endpoints to which events can be sent now. */
export const findReadyEndpoints = async (execute: Execute): Promise<string[]> =>
  (await execute(readyStatement, {})).map(({ id }) => id);

const endpointStatement = defineStatement<{ id: string }, ReadyEndpoint>(
  `SELECT w.id, w.url, w.secret, CASE WHEN w.previous_until > ledger_now() THEN w.previous_secret END AS "previousSecret", w.failure_count AS "failureCount"
   FROM webhook_endpoints w WHERE w.id = :id::uuid AND ${isReady}`,
  "ready-endpoint",
);

const queuedStatement = defineStatement<
  { id: string; limit: number },
  (QueuedEvent | { id: null }) & { eventId: string }
>(
  `SELECT ${eventColumns}, q.event_id AS "eventId", q.attempt_count AS "attemptCount"
   FROM (SELECT * FROM event_deliveries WHERE endpoint_id = :id::uuid AND due_at <= (SELECT ledger_now()) ORDER BY due_at, event_id LIMIT :limit::int) q
     LEFT JOIN events e ON e.id = q.event_id ${eventJoins}
   ORDER BY q.due_at, q.event_id`,
  "queued-events",
);

const dropStatement = defineStatement<{ id: string; eventIds: readonly string[] }>(
  `DELETE FROM event_deliveries WHERE endpoint_id = :id::uuid AND event_id = ANY(:eventIds::uuid[])`,
);

/**
 * Reads an endpoint and the next events for it; null if there are none or it must not be asked now. A replay that is written while retention removes the
 * event may leave a row without an event, which is removed here: it would stand before the others for ever.
 */
export async function readQueued(
  execute: Execute,
  id: string,
  limit: number,
): Promise<{ endpoint: ReadyEndpoint; events: QueuedEvent[] } | null> {
  const [endpoint] = await execute(endpointStatement, { id });
  if (!endpoint) return null;
  for (;;) {
    const rows = await execute(queuedStatement, { id, limit });
    const events = rows.filter((row) => row.id !== null);
    const removed = rows.filter((row) => row.id === null);
    if (removed.length > 0)
      await execute(dropStatement, { id, eventIds: removed.map(({ eventId }) => eventId) });
    if (events.length > 0) return { endpoint, events };
    if (rows.length < limit) return null;
  }
}

/** A request to an endpoint, as it is stored. */
export interface StoredAttempt {
  endpointId: string;
  messageId: string;
  eventIds: readonly string[];
  outcome: AttemptOutcome;
  status: number | null;
  detail: string;
  answer: string | null;
  durationMs: number;
}

/** No answer is kept about a recipient who was erased during the request. */
const recorded = `recorded AS (
    INSERT INTO webhook_attempts (id, endpoint_id, message_id, event_ids, outcome, status, detail, answer, duration_ms, created_at)
    SELECT uuid_v7(ledger_now()), w.id, :messageId::text, :eventIds::uuid[], :outcome::text, :status::smallint, :detail::text,
      CASE WHEN NOT EXISTS (SELECT FROM events e JOIN recipients r ON r.id = e.recipient_id WHERE e.id = ANY(:eventIds::uuid[]) AND r.erased_at IS NOT NULL) THEN :answer::text END,
      :durationMs::int, ledger_now()
    FROM webhook_endpoints w WHERE w.id = :endpointId::uuid
  )`;

/** Writes that an endpoint has accepted events. */
export const settleQueued = defineStatement<StoredAttempt>(`
  WITH taken AS (DELETE FROM event_deliveries WHERE endpoint_id = :endpointId::uuid AND event_id = ANY(:eventIds::uuid[])),
  ${recorded}
  UPDATE webhook_endpoints SET last_success_at = ledger_now(), failing_since = NULL, failure_count = 0, retry_at = NULL, detail = NULL
  WHERE id = :endpointId::uuid`);

/** How many events one statement gives up. */
const givenUpRows = 10_000;

/** A failure this long after the last one begins a new series: in between, nothing was sent. */
const sameSeries = "1 day";

/**
 * Writes that an endpoint has not accepted events. `eventWaitMs` is the wait of these events alone, and `endpointWaitMs` that of the endpoint.
 * Events that were due long ago are given up, and so is a test. An endpoint that is gone, or that has failed for long, is switched off, which goes into the audit
 * trail.
 */
export const postponeQueued = defineStatement<
  StoredAttempt & {
    publicId: string;
    eventWaitMs: number | null;
    endpointWaitMs: number | null;
  }
>(`
  WITH overdue AS MATERIALIZED (
    SELECT event_id FROM event_deliveries
    WHERE endpoint_id = :endpointId::uuid AND created_at < ledger_now() - interval '${eventRetryDays} days' LIMIT ${givenUpRows}
  ),
  tests AS MATERIALIZED (
    SELECT id FROM events WHERE id = ANY(:eventIds::uuid[]) AND kind = '${testKind}' AND (:outcome::text <> 'refused' OR cardinality(:eventIds::uuid[]) = 1)
  ),
  given_up AS (
    DELETE FROM event_deliveries
    WHERE endpoint_id = :endpointId::uuid AND (event_id IN (SELECT event_id FROM overdue) OR event_id IN (SELECT id FROM tests)) RETURNING event_id
  ),
  waiting AS (
    UPDATE event_deliveries SET attempt_count = attempt_count + 1,
      due_at = CASE WHEN :eventWaitMs::float8 IS NULL THEN due_at ELSE ledger_now() + :eventWaitMs::float8 * interval '1 millisecond' END
    WHERE endpoint_id = :endpointId::uuid AND event_id = ANY(:eventIds::uuid[])
      AND event_id NOT IN (SELECT event_id FROM overdue) AND event_id NOT IN (SELECT id FROM tests)
  ),
  ${recorded},
  before AS MATERIALIZED (
    SELECT id, is_enabled, CASE WHEN last_failure_at > ledger_now() - interval '${sameSeries}' THEN coalesce(failing_since, ledger_now()) ELSE ledger_now() END AS since
    FROM webhook_endpoints WHERE id = :endpointId::uuid FOR NO KEY UPDATE
  ),
  judged AS (
    SELECT *, CASE WHEN :outcome::text = 'gone' THEN 'gone' WHEN since < ledger_now() - interval '${endpointFailingDays} days' THEN 'failing' END AS off FROM before
  ),
  changed AS (
    UPDATE webhook_endpoints w SET last_failure_at = ledger_now(), failing_since = j.since, failure_count = failure_count + 1, detail = :detail::text,
      retry_at = CASE WHEN :endpointWaitMs::float8 IS NOT NULL THEN ledger_now() + :endpointWaitMs::float8 * interval '1 millisecond' END,
      is_enabled = w.is_enabled AND j.off IS NULL, disabled_reason = CASE WHEN w.is_enabled THEN j.off ELSE w.disabled_reason END,
      given_up_count = given_up_count + (SELECT count(*) FROM given_up WHERE event_id NOT IN (SELECT id FROM tests))
    FROM judged j WHERE w.id = j.id
  )
  INSERT INTO audit_entries (id, actor, action, resource, request_id, after, created_at)
  SELECT uuid_v7(ledger_now()), 'tidings', 'webhook_endpoint.switch_off', :publicId::text, 'webhook-' || :messageId::text,
    jsonb_build_object('enabled', false, 'disabledReason', j.off, 'detail', :detail::text), ledger_now()
  FROM judged j WHERE j.is_enabled AND j.off IS NOT NULL`);

/**
 * Receivers answer what they like, so that what they answered about events of the recipient goes too. Each event is looked up in a hash table, because
 * comparing two arrays takes the product of their lengths.
 */
export const eraseWebhookAnswers = defineStatement<{ id: string }>(
  `WITH own AS MATERIALIZED (SELECT id FROM events WHERE recipient_id = :id::uuid),
   named AS MATERIALIZED (
     SELECT DISTINCT a.id FROM webhook_attempts a CROSS JOIN LATERAL unnest(a.event_ids) AS of(event_id) JOIN own ON own.id = of.event_id
     WHERE a.answer IS NOT NULL AND EXISTS (SELECT FROM own)
   )
   UPDATE webhook_attempts SET answer = NULL WHERE id IN (SELECT id FROM named)`,
);

const removeOldStatement = defineStatement<object>(`
  WITH newest AS MATERIALIZED (
    SELECT w.id, (SELECT a.id FROM webhook_attempts a WHERE a.endpoint_id = w.id ORDER BY a.id DESC OFFSET ${keptAttempts} LIMIT 1) AS surplus FROM webhook_endpoints w
  ),
  surplus AS (DELETE FROM webhook_attempts a USING newest n WHERE a.endpoint_id = n.id AND a.id <= n.surplus)
  DELETE FROM webhook_attempts WHERE created_at < ledger_now() - interval '${keptAttemptDays} days'
    OR endpoint_id NOT IN (SELECT id FROM webhook_endpoints)`);

/** An event that is written while its endpoint is deleted may leave such a row. The index names the endpoints, however many events wait for them. */
const removeOrphansStatement = defineStatement<object>(`
  WITH RECURSIVE named AS (
    (SELECT endpoint_id FROM event_deliveries ORDER BY endpoint_id LIMIT 1)
    UNION ALL
    SELECT (SELECT q.endpoint_id FROM event_deliveries q WHERE q.endpoint_id > n.endpoint_id ORDER BY q.endpoint_id LIMIT 1) FROM named n WHERE n.endpoint_id IS NOT NULL
  )
  DELETE FROM event_deliveries WHERE endpoint_id = ANY (ARRAY(
    SELECT endpoint_id FROM named n WHERE endpoint_id IS NOT NULL AND NOT EXISTS (SELECT FROM webhook_endpoints w WHERE w.id = n.endpoint_id)
  ))`);

/** Removes the requests that are kept no longer, and what belongs to endpoints that were deleted. */
export async function removeOldAttempts(execute: Execute): Promise<void> {
  await execute(removeOldStatement, {});
  await execute(removeOrphansStatement, {});
}

/** Up to how many events that wait for an endpoint are counted. */
export const maxCountedWaiting = 10_000;

const waitingStatement = defineStatement<{ ids: readonly string[] }, { id: string; count: number }>(
  `SELECT w.id, (SELECT count(*)::int FROM (SELECT FROM event_deliveries q WHERE q.endpoint_id = w.id LIMIT ${maxCountedWaiting}) AS q) AS count
   FROM unnest(:ids::uuid[]) AS w(id)`,
);

/** Counts the events that wait for endpoints. */
export async function countWaiting(
  execute: Execute,
  ids: readonly string[],
): Promise<Map<string, number>> {
  const rows = await execute(waitingStatement, { ids });
  return new Map(rows.map(({ id, count }) => [id, count]));
}

const deleteStatement = defineStatement<{ id: string }>(`
  WITH requests AS (DELETE FROM webhook_attempts WHERE endpoint_id = :id::uuid)
  DELETE FROM event_deliveries WHERE endpoint_id = :id::uuid`);

/** Deletes what waits for a deleted endpoint, and its requests. */
export const deleteQueued = (execute: Execute, id: string): Promise<unknown> =>
  execute(deleteStatement, { id });
