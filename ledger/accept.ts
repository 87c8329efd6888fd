import type { Pool } from "pg";
import type { Channel } from "../domain/channel.ts";
import type { Priority } from "../domain/priority.ts";
import { isUnsent, ownQueue } from "./conditions.ts";
import { type KeyState, keyStateSql } from "./idempotency-key.ts";
import { defineStatement, executeOn } from "./sql.ts";

/** What is written of a notification: ids are UUIDs. */
interface AcceptedNotification {
  id: string;
  publicId: string;
  versionId: string | null;
  /** The version has to be the active one of its template still. */
  mustBeActive: boolean;
  priority: Priority;
  channel: Channel;
  /** The text of a JSON object. */
  data: string;
  sendAt: Date;
  typeId: string | null;
  occursAt: Date | null;
  expiresAt: Date | null;
  entityId: string | null;
  dedupKey: string | null;
  collapseKey: string | null;
  batchable: boolean;
  bypassRateLimit: boolean;
  /** The text of a JSON array. */
  actions: string;
  /** A version of a template that somebody tries. */
  test: boolean;
}

/** Everything that the statement needs to know. */
export interface AcceptRequest extends AcceptedNotification {
  /** The idempotency key, its owner and the hash of its request; null without a key. */
  scope: string | null;
  key: string | null;
  hash: string | null;
  externalIds: readonly string[];
  /** Recipients that were named by ids which Tidings gave, as they were named and as UUIDs. */
  references: readonly string[];
  recipientIds: readonly string[];
  /** False where nothing is to be written, and only an answer under the key is looked for. */
  valid: boolean;
  /** The queue of each shard. */
  queues: readonly string[];
  now: Date;
  caller: string;
  requestId: string;
  /** Deliveries that may be waiting for one recipient before this one. */
  room: number;
  /** The status of the answer that is kept under the key. */
  answerStatus: number;
  /** The id of the audit entry where limits are bypassed. */
  auditId: string;
}

export interface AcceptRow extends KeyState {
  /** Is the version still the one meant, and may be used? */
  current: boolean;
  /** The text of the answer; null where nothing was written. */
  accepted: string | null;
  /** Deliveries that were written. */
  count: number | null;
  queues: string[] | null;
  missing: string[];
  /** Recipients for whom as much waits as may. */
  crowdedIds: string[];
  crowdedNames: string[];
}

/**
 * Accepting a notification is the one write that has to be fast, so that it is one statement, and a transaction by itself: look
 * for the answer kept under the key, find the recipients and hold them against erasure, and only if all are known and none has too
 * much waiting for it, the request is valid, the template is not archived and the version is still the active one where that was
 * asked for, write the notification, its deliveries and its answer. What waits for a recipient are its open deliveries, but for
 * those that wait as the recipient wishes; `room` leaves space for those that others are about to write, which this statement
 * cannot see.
 */
const acceptStatement = defineStatement<AcceptRequest, AcceptRow>(
  `
  WITH state AS MATERIALIZED (${keyStateSql(":scope", ":key")}),
  held AS MATERIALIZED (
    SELECT r.id, r.external_id FROM recipients AS r
    WHERE r.erased_at IS NULL AND (r.external_id = ANY(:externalIds::text[]) OR r.id = ANY(:recipientIds::uuid[]))
    FOR KEY SHARE
  ),
  -- NOT IN, since it is hashed whatever number of recipients the plan was made for.
  missing AS MATERIALIZED (
    SELECT ref FROM unnest(:externalIds::text[]) AS named(ref) WHERE ref NOT IN (SELECT external_id FROM held)
    UNION ALL SELECT ref FROM unnest(:references::text[], :recipientIds::uuid[]) AS named(ref, id) WHERE id NOT IN (SELECT id FROM held)
  ),
  crowded AS MATERIALIZED (
    SELECT h.id, h.external_id FROM held AS h CROSS JOIN LATERAL (
      SELECT count(*) AS open FROM (
        SELECT FROM open_deliveries AS d WHERE d.recipient_id = h.id AND ${isUnsent("d")} LIMIT :room::int
      ) AS o
    ) AS waiting
    WHERE waiting.open >= :room::int
  ),
  version AS MATERIALIZED (
    SELECT :versionId::uuid IS NULL OR EXISTS (
      SELECT FROM template_versions AS v JOIN templates AS t ON t.id = v.template_id
      WHERE v.id = :versionId::uuid AND t.archived_at IS NULL AND (t.active_version = v.version OR NOT :mustBeActive::boolean)
    ) AS current
  ),
  notification AS (
    INSERT INTO notifications (id, template_version_id, priority, data, send_at, created_at, created_by, request_id, test,
      type_id, occurs_at, expires_at, entity_id, dedup_key, collapse_key, batchable, bypass_rate_limit, actions)
    SELECT :id::uuid, :versionId::uuid, :priority::text::priority, :data::text::jsonb, :sendAt::timestamptz, :now::timestamptz, :caller::text,
      :requestId::text, :test::boolean, :typeId::uuid, :occursAt::timestamptz, :expiresAt::timestamptz, :entityId::text, :dedupKey::text,
      :collapseKey::text, :batchable::boolean, :bypassRateLimit::boolean, :actions::text::jsonb
    FROM state, version
    WHERE :valid::boolean AND version.current AND (state.locked OR :key::text IS NULL) AND state."requestHash" IS NULL
      AND NOT EXISTS (SELECT FROM missing) AND NOT EXISTS (SELECT FROM crowded)
    RETURNING id, priority, send_at, created_at, test
  ),
  -- To go past the limits is a right that somebody used.
  bypass AS (
    INSERT INTO audit_entries (id, actor, action, resource, request_id, after, created_at)
    SELECT :auditId::uuid, :caller::text, 'notification.bypass-rate-limit', :publicId::text, :requestId::text,
      jsonb_build_object('recipients', (SELECT count(*) FROM held)), n.created_at
    FROM notification AS n WHERE :bypassRateLimit::boolean
  ),
  -- A try is for whoever asks for it, and waits for nothing.
  rows AS (
    INSERT INTO open_deliveries (id, notification_id, recipient_id, channel, priority, queue, due_at, reason, created_at)
    SELECT uuid_v7(n.created_at), n.id, h.recipient_id, :channel::text::channel, n.priority, ${ownQueue("h", ":queues::text[]")}, n.send_at,
      CASE WHEN n.test THEN 'send_requested' END, n.created_at
    FROM notification AS n, (SELECT id AS recipient_id FROM held) AS h
    RETURNING queue
  ),
  answer AS MATERIALIZED (
    SELECT format('{"id":"%s","deliveries":%s}', :publicId::text, count(*)) AS text, count(*)::int AS count, array_agg(DISTINCT queue) AS queues
    FROM rows HAVING count(*) > 0
  ),
  kept AS (
    INSERT INTO idempotency_keys (scope, key, request_hash, status, body, created_at)
    SELECT :scope::text, :key::text, :hash::text, :answerStatus::int, to_jsonb(answer.text), :now::timestamptz FROM answer WHERE :key::text IS NOT NULL
  )
  SELECT state.*, version.current, answer.text AS accepted, answer.count, answer.queues, ARRAY(SELECT ref FROM missing) AS missing,
    ARRAY(SELECT id FROM crowded) AS "crowdedIds", ARRAY(SELECT external_id FROM crowded) AS "crowdedNames"
  FROM state CROSS JOIN version LEFT JOIN answer ON true`,
  "accept-notification",
);

/** Writes a notification, a delivery for each recipient and the answer under its key, all or nothing; says what stands in the way. */
export async function acceptDeliveries(
  pool: Pick<Pool, "query">,
  request: AcceptRequest,
): Promise<AcceptRow> {
  return (await executeOn(pool)(acceptStatement, request))[0]!;
}
