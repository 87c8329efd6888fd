import type { Pool } from "pg";
import { newUuid, publicId } from "../domain/ids.ts";
import type { NewNotification } from "../domain/notification.ts";
import { queueName } from "../domain/queues.ts";
import { recipientReference } from "../domain/recipient.ts";
import {
  type Answer,
  type KeyedRequest,
  type KeyState,
  keyStateSql,
  replayOf,
  retryOnce,
} from "./idempotency.ts";
import { type FieldError, invalid, Problem } from "./problem.ts";
import { dataErrors, type NamedVersion, type TemplateVersions } from "./template-versions.ts";

export interface Acceptance extends Answer {
  /** Queues that have new rows; none for a replay. */
  queues: string[];
}

const acceptedStatus = 202;

/**
 * Accepting a notification is the one write that has to be fast, so that it is one statement, and a transaction by
 * itself: look for the answer kept under the key, find the recipients and hold them against erasure, and only if all
 * are known, all is well ($12), the template is not archived and the version is still the active one where that was asked
 * for ($16), write the notification, its rows and its answer.
 */
const acceptSql = `
  WITH state AS MATERIALIZED (${keyStateSql("$1", "$2")}),
  held AS MATERIALIZED (
    SELECT r.id, r.external_id FROM recipients AS r
    WHERE r.erased_at IS NULL AND (r.external_id = ANY($4::text[]) OR r.id = ANY($6::uuid[]))
    FOR KEY SHARE
  ),
  -- NOT IN, since it is hashed whatever number of recipients the plan was made for.
  missing AS MATERIALIZED (
    SELECT ref FROM unnest($4::text[]) AS named(ref) WHERE ref NOT IN (SELECT external_id FROM held)
    UNION ALL SELECT ref FROM unnest($5::text[], $6::uuid[]) AS named(ref, id) WHERE id NOT IN (SELECT id FROM held)
  ),
  version AS MATERIALIZED (
    SELECT $8::uuid IS NULL OR EXISTS (
      SELECT FROM template_versions AS v JOIN templates AS t ON t.id = v.template_id
      WHERE v.id = $8::uuid AND t.archived_at IS NULL AND (t.active_version = v.version OR NOT $16::boolean)
    ) AS current
  ),
  notification AS (
    INSERT INTO notifications (id, template_version_id, priority, data, send_at, created_at, created_by, request_id, test)
    SELECT $7::uuid, $8::uuid, $9::text::priority, $10::text::jsonb, $11::timestamptz, $14::timestamptz, $17::text, $18::text, $19::boolean
    FROM state, version
    WHERE $12::boolean AND version.current AND (state.locked OR $2::text IS NULL) AND state."requestHash" IS NULL
      AND NOT EXISTS (SELECT FROM missing)
    RETURNING id, priority, send_at, created_at
  ),
  rows AS (
    INSERT INTO deliveries (id, notification_id, recipient_id, channel, priority, queue, due_at, created_at)
    SELECT uuid_v7(n.created_at), n.id, h.id, 'email', n.priority, ($13::text[])[get_byte(uuid_send(h.id), 15) % cardinality($13::text[]) + 1], n.send_at, n.created_at
    FROM notification AS n, held AS h
    RETURNING queue
  ),
  answer AS MATERIALIZED (
    SELECT format('{"id":"%s","deliveries":%s}', $15::text, count(*)) AS text, array_agg(DISTINCT queue) AS queues FROM rows HAVING count(*) > 0
  ),
  kept AS (
    INSERT INTO idempotency_keys (scope, key, request_hash, status, body, created_at)
    SELECT $1::text, $2::text, $3::text, ${acceptedStatus}, to_jsonb(answer.text), $14::timestamptz FROM answer WHERE $2::text IS NOT NULL
  )
  SELECT state.*, version.current, answer.text AS accepted, answer.queues, ARRAY(SELECT ref FROM missing) AS missing
  FROM state CROSS JOIN version LEFT JOIN answer ON true`;

interface AcceptRow extends KeyState {
  /** Is the version still the one meant, and may be used? */
  current: boolean;
  accepted: string | null;
  queues: string[] | null;
  missing: string[];
}

interface Deps {
  pool: Pool;
  versions: TemplateVersions;
  mailboxShards: number;
  now: Date;
}

/** Who asks, in which request. */
export interface Origin {
  caller: string;
  requestId: string;
  /** A try of a template. */
  test?: boolean;
}

/**
 * Writes a notification, one row for each recipient and the answer under its key, all or nothing. A recipient named twice
 * is told once. Throws the problem that stands in the way.
 */
export async function acceptNotification(
  deps: Deps,
  notification: NewNotification,
  origin: Origin,
  request: KeyedRequest | null,
): Promise<Acceptance> {
  const { template } = notification;
  const version = await deps.versions.recall(template);
  const first = await tryToAccept(deps, notification, origin, version, request);
  // Somebody has activated a version, which may ask for other data, or archived the template.
  return (
    first ??
    (await tryToAccept(deps, notification, origin, await deps.versions.find(template), request)) ??
    raced()
  );
}

function raced(): never {
  throw new Problem("conflict", "The template is being changed. Repeat the request.");
}

/** Null if `version` may not be used any more, or is not the active one and that was asked for. */
async function tryToAccept(
  { pool, mailboxShards, now }: Deps,
  { recipients, template, data, priority, sendAt }: NewNotification,
  { caller, requestId, test = false }: Origin,
  version: NamedVersion,
  request: KeyedRequest | null,
): Promise<Acceptance | null> {
  const errors: FieldError[] =
    version.kind === "pinned" ? dataErrors(version, data) : [version.error];
  const externalIds: string[] = [];
  const ids = new Map<string, string>();
  for (const reference of recipients) {
    const named = recipientReference(reference);
    if ("id" in named) ids.set(reference, named.id);
    else externalIds.push(reference);
  }
  const kind = priority === "critical" ? "critical" : "mailbox";
  const id = newUuid(now);
  const values = [
    request?.scope ?? null,
    request?.key ?? null,
    request?.hash ?? null,
    externalIds,
    [...ids.keys()],
    [...ids.values()],
    id,
    version.kind === "pinned" ? version.id : null,
    priority,
    JSON.stringify(data),
    sendAt && sendAt > now ? sendAt : now,
    errors.length === 0,
    Array.from({ length: mailboxShards }, (_, shard) => queueName({ kind, shard })),
    now,
    publicId("notification", id),
    template.version === undefined,
    caller,
    requestId,
    test,
  ];
  const { rows } = await retryOnce(request, () =>
    pool.query<AcceptRow>({ name: "accept-notification", text: acceptSql, values }),
  );
  const row = rows[0]!;
  const { current, accepted, queues, missing } = row;
  if (accepted !== null)
    return { status: acceptedStatus, text: accepted, replayed: false, queues: queues! };
  const kept = request && replayOf(request, row);
  if (kept) return { ...kept, queues: [] };
  if (!current) return null;
  const unknown = new Set(missing);
  for (const [index, reference] of recipients.entries()) {
    if (unknown.has(reference))
      errors.push({
        in: "body",
        field: `/recipients/${index}`,
        message: "names no recipient: create it first with PUT /v1/recipients/{external id}",
      });
  }
  throw invalid(errors);
}
