import { testKind } from "../domain/event-kinds.ts";
import { maxReplayedEvents } from "../domain/webhook-endpoint.ts";
import { defineStatement, type Execute } from "./sql.ts";
import { isAskedFor } from "./webhook-events.ts";

/** What was given up, or waits for long, begins anew. */
const queueAgain = `ON CONFLICT (event_id, endpoint_id) DO UPDATE SET due_at = excluded.due_at, attempt_count = 0, created_at = excluded.created_at`;

const spanStatement = defineStatement<
  { id: string; from: string; to: string; kinds: readonly string[] },
  { events: number }
>(`
  WITH chosen AS MATERIALIZED (
    SELECT e.id FROM events e JOIN webhook_endpoints w ON w.id = :id::uuid
    WHERE e.id >= :from::uuid AND e.id < :to::uuid AND e.kind = ANY(:kinds::text[]) AND ${isAskedFor}
    ORDER BY e.id LIMIT ${maxReplayedEvents + 1}
  ),
  queued AS (
    INSERT INTO event_deliveries (event_id, endpoint_id, due_at, created_at) SELECT id, :id::uuid, ledger_now(), ledger_now() FROM chosen
    WHERE (SELECT count(*) FROM chosen) <= ${maxReplayedEvents} ${queueAgain}
  )
  SELECT count(*)::int AS events FROM chosen`);

/**
 * Sends the events of a span again that an endpoint asks for. `from` and `to` are bounds of their ids. Resolves with their number; if it is above
 * `maxReplayedEvents`, none is sent.
 */
export const replaySpan = async (
  execute: Execute,
  span: { id: string; from: string; to: string; kinds: readonly string[] },
): Promise<number> => (await execute(spanStatement, span))[0]!.events;

const eventStatement = defineStatement<{ id: string; eventId: string }>(`
  INSERT INTO event_deliveries (event_id, endpoint_id, due_at, created_at)
  SELECT e.id, :id::uuid, ledger_now(), ledger_now() FROM events e WHERE e.id = :eventId::uuid AND e.kind <> '${testKind}' ${queueAgain} RETURNING 1`);

/** Sends one event to an endpoint, whether or not it asks for such events. Resolves with 0 if the event does not exist, otherwise with 1. */
export const replayEvent = async (
  execute: Execute,
  event: { id: string; eventId: string },
): Promise<number> => (await execute(eventStatement, event)).length;

const testStatement = defineStatement<{ id: string; eventId: string }>(`
  WITH written AS (
    INSERT INTO events (id, kind, created_at)
    SELECT :eventId::uuid, '${testKind}', ledger_now()
    WHERE NOT EXISTS (SELECT FROM event_deliveries q JOIN events e ON e.id = q.event_id WHERE q.endpoint_id = :id::uuid AND q.due_at = 'epoch' AND e.kind = '${testKind}')
    RETURNING id
  ),
  opened AS (UPDATE webhook_endpoints SET retry_at = NULL WHERE id = :id::uuid AND EXISTS (SELECT FROM written))
  INSERT INTO event_deliveries (event_id, endpoint_id, due_at, created_at) SELECT id, :id::uuid, 'epoch', ledger_now() FROM written RETURNING 1`);

/** Sends a test to a locked endpoint, before everything that waits. Resolves with whether no other test waits. */
export const queueTest = async (
  execute: Execute,
  test: { id: string; eventId: string },
): Promise<boolean> => (await execute(testStatement, test)).length > 0;
