import type { Pool } from "pg";
import type { Channel } from "../domain/channel.ts";
import { shardNames } from "../domain/delivery/queues.ts";
import type { NotificationAction } from "../domain/notification.ts";
import type { Priority } from "../domain/priority.ts";
import { dueSoon, isBacklog, isScheduled, ownQueue } from "./conditions.ts";
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
  data: Record<string, unknown>;
  sendAt: Date;
  typeId: string | null;
  occursAt: Date | null;
  expiresAt: Date | null;
  entityId: string | null;
  dedupKey: string | null;
  collapseKey: string | null;
  batchable: boolean;
  bypassRateLimit: boolean;
  actions: readonly NotificationAction[];
  /** A version of a template that somebody tries. */
  test: boolean;
}

/** Everything that the statement needs to know of one request. */
interface AskedNotification extends AcceptedNotification {
  /** The idempotency key, its owner and the hash of its request; null without a key. */
  scope: string | null;
  key: string | null;
  hash: string | null;
  /** False where nothing is to be written, and only an answer under the key is looked for. */
  valid: boolean;
  now: Date;
  caller: string;
  requestId: string;
  /** It is not due soon: what counts is what is for later too, and otherwise what is not. */
  isLater: boolean;
  /** Deliveries that may be waiting for one recipient before this one. */
  room: number;
  /** The status of the answer that is kept under the key. */
  answerStatus: number;
  /** The id of the audit entry where limits are bypassed, and the network address that it names. */
  auditId: string | null;
  address: string | null;
}

export interface AcceptRequest extends AskedNotification {
  externalIds: readonly string[];
  /** Recipients that were named by ids which Tidings gave, as they were named and as UUIDs. */
  references: readonly string[];
  recipientIds: readonly string[];
}

export interface AcceptRow extends KeyState {
  /** Is the version still the one meant, and may be used? */
  current: boolean;
  /** The text of the answer; null where nothing was written. */
  accepted: string | null;
  /** Deliveries that were written. */
  count: number | null;
  queues: string[] | null;
  /** Recipients that there are not; null where there is none of that kind. */
  missing: string[] | null;
  /** Recipients for whom as much waits as may; null likewise. */
  crowdedIds: string[] | null;
  crowdedNames: string[] | null;
  /** In how many seconds the first delivery of each of them is due: the longest of these times, negative where it is past. */
  crowdedForSeconds: number | null;
}

interface AcceptParameters {
  /** The text of a JSON array of requests, each with its number. */
  requests: string;
  /** Who is named in any of them, each with the number of the request that names it. */
  externalOf: readonly number[];
  externalIds: readonly string[];
  referenceOf: readonly number[];
  references: readonly string[];
  recipientIds: readonly string[];
  /** The queue of each shard. */
  mailboxQueues: readonly string[];
  criticalQueues: readonly string[];
}

/** The deliveries of `notification`, one to each of its recipients. A try is for whoever asks for it, and waits for nothing. */
const insertDeliveries = `
  INSERT INTO open_deliveries (id, notification_id, recipient_id, channel, priority, queue, due_at, reason, created_at)
  SELECT uuid_v7(n.created_at), n.id, t.recipient_id, r.channel, n.priority,
    ${ownQueue("t", "CASE r.priority WHEN 'critical' THEN :criticalQueues::text[] ELSE :mailboxQueues::text[] END")}, n.send_at,
    CASE WHEN n.test THEN 'send_requested' END, n.created_at
  FROM notification AS n JOIN request AS r ON r.id = n.id JOIN target AS t ON t.no = r.no
  RETURNING notification_id, queue`;

const soon = "(SELECT soon FROM clock)";

/**
 * Accepting notifications is the one write that has to be fast, so that it is one statement for all that come in together, and a
 * transaction by itself. For each request it looks for the answer kept under its key, finds its recipients and holds them against
 * erasure, and only if all are known and none has too much waiting for it, the request is valid, the template is not archived and the
 * version is still the active one where that was asked for, writes the notification, its deliveries and its answer. What waits for a
 * recipient is its backlog, and for what is to be sent later, what it has that is for later too; `room` leaves space for those that
 * others are about to write, in this statement or beside it, which it cannot see.
 *
 * Requests of one statement have different keys.
 */
const acceptStatement = (name: string, lock: "FOR KEY SHARE" | "FOR KEY SHARE NOWAIT") =>
  defineStatement<AcceptParameters, AcceptRow>(
    `
  WITH request AS MATERIALIZED (
    SELECT * FROM json_to_recordset(:requests::text::json) AS r(no int, id uuid, "publicId" text, "versionId" uuid, "mustBeActive" boolean,
      priority priority, channel channel, data jsonb, "sendAt" timestamptz, "typeId" uuid, "occursAt" timestamptz, "expiresAt" timestamptz,
      "entityId" text, "dedupKey" text, "collapseKey" text, batchable boolean, "bypassRateLimit" boolean, actions jsonb, test boolean,
      scope text, key text, hash text, valid boolean, now timestamptz, caller text, "requestId" text, "isLater" boolean, room int, "answerStatus" int, "auditId" uuid, address text)
  ),
  state AS MATERIALIZED (SELECT r.no, k.* FROM request AS r CROSS JOIN LATERAL (${keyStateSql("r.scope", "r.key")}) AS k),
  held AS MATERIALIZED (
    SELECT r.id, r.external_id FROM recipients AS r
    WHERE r.erased_at IS NULL AND (r.external_id = ANY(:externalIds::text[]) OR r.id = ANY(:recipientIds::uuid[]))
    ${lock}
  ),
  -- Whoever is named by both ids is told once.
  target AS MATERIALIZED (
    SELECT n.no, h.id AS recipient_id, h.external_id FROM unnest(:externalOf::int[], :externalIds::text[]) AS n(no, ref) JOIN held AS h ON h.external_id = n.ref
    UNION SELECT n.no, h.id, h.external_id FROM unnest(:referenceOf::int[], :recipientIds::uuid[]) AS n(no, id) JOIN held AS h ON h.id = n.id
  ),
  -- NOT IN, since it is hashed whatever number of recipients the plan was made for.
  missing AS MATERIALIZED (
    SELECT no, array_agg(ref) AS refs FROM (
      SELECT no, ref FROM unnest(:externalOf::int[], :externalIds::text[]) AS n(no, ref) WHERE ref NOT IN (SELECT external_id FROM held)
      UNION ALL SELECT no, ref FROM unnest(:referenceOf::int[], :references::text[], :recipientIds::uuid[]) AS n(no, ref, id) WHERE id NOT IN (SELECT id FROM held)
    ) AS one GROUP BY no
  ),
  clock AS MATERIALIZED (SELECT ${dueSoon} AS soon),
  waiting AS MATERIALIZED (
    SELECT w.id, w."isLater", o.open, o.first FROM (
      SELECT DISTINCT t.recipient_id AS id, r."isLater" FROM target AS t JOIN request AS r ON r.no = t.no
    ) AS w CROSS JOIN LATERAL (
      SELECT count(*) AS open, min(due_at) AS first FROM (
        SELECT d.due_at FROM open_deliveries AS d WHERE d.recipient_id = w.id
          AND CASE WHEN w."isLater" THEN ${isScheduled("d", soon)} ELSE ${isBacklog("d", soon)} END LIMIT (SELECT max(room) FROM request)
      ) AS counted
    ) AS o
  ),
  crowded AS MATERIALIZED (
    SELECT t.no, array_agg(t.recipient_id) AS ids, array_agg(t.external_id) AS names,
      extract(epoch FROM max(w.first) - ledger_now())::float8 AS "forSeconds"
    FROM target AS t JOIN request AS r ON r.no = t.no JOIN waiting AS w ON w.id = t.recipient_id AND w."isLater" = r."isLater"
    WHERE w.open >= r.room GROUP BY t.no
  ),
  version AS MATERIALIZED (
    SELECT r.no, r."versionId" IS NULL OR EXISTS (
      SELECT FROM template_versions AS v JOIN templates AS t ON t.id = v.template_id
      WHERE v.id = r."versionId" AND t.archived_at IS NULL AND (t.active_version = v.version OR NOT r."mustBeActive")
    ) AS current
    FROM request AS r
  ),
  notification AS (
    INSERT INTO notifications (id, template_version_id, priority, data, send_at, created_at, created_by, request_id, test,
      type_id, occurs_at, expires_at, entity_id, dedup_key, collapse_key, batchable, bypass_rate_limit, actions)
    SELECT r.id, r."versionId", r.priority, r.data, r."sendAt", r.now, r.caller, r."requestId", r.test,
      r."typeId", r."occursAt", r."expiresAt", r."entityId", r."dedupKey", r."collapseKey", r.batchable, r."bypassRateLimit", r.actions
    FROM request AS r JOIN state AS s ON s.no = r.no JOIN version AS v ON v.no = r.no
    WHERE r.valid AND v.current AND (s.locked OR r.key IS NULL) AND s."requestHash" IS NULL
      AND r.no NOT IN (SELECT no FROM missing) AND r.no NOT IN (SELECT no FROM crowded)
    RETURNING id, priority, send_at, created_at, test
  ),
  -- To go past the limits is a right that somebody used.
  bypass AS (
    INSERT INTO audit_entries (id, actor, action, resource, request_id, address, after, created_at)
    SELECT r."auditId", r.caller, 'notification.bypass-rate-limit', r."publicId", r."requestId", r.address,
      jsonb_build_object('recipients', (SELECT count(*) FROM target AS t WHERE t.no = r.no)), n.created_at
    FROM notification AS n JOIN request AS r ON r.id = n.id WHERE r."bypassRateLimit"
  ),
  rows AS (${insertDeliveries}),
  answer AS MATERIALIZED (
    SELECT r.no, format('{"id":"%s","deliveries":%s}', r."publicId", count(*)) AS text, count(*)::int AS count, array_agg(DISTINCT d.queue) AS queues
    FROM rows AS d JOIN request AS r ON r.id = d.notification_id GROUP BY r.no, r."publicId"
  ),
  kept AS (
    INSERT INTO idempotency_keys (scope, key, request_hash, status, body, created_at)
    SELECT r.scope, r.key, r.hash, r."answerStatus", to_jsonb(a.text), r.now FROM answer AS a JOIN request AS r ON r.no = a.no WHERE r.key IS NOT NULL
  )
  SELECT s.locked, s."requestHash", s.status, s.body, v.current, a.text AS accepted, a.count, a.queues, m.refs AS missing,
    c.ids AS "crowdedIds", c.names AS "crowdedNames", c."forSeconds" AS "crowdedForSeconds"
  FROM state AS s JOIN version AS v ON v.no = s.no LEFT JOIN answer AS a ON a.no = s.no LEFT JOIN missing AS m ON m.no = s.no
    LEFT JOIN crowded AS c ON c.no = s.no
  ORDER BY s.no`,
    name,
  );

const waitingStatement = acceptStatement("accept-notification", "FOR KEY SHARE");
const notWaitingStatement = acceptStatement("accept-notifications", "FOR KEY SHARE NOWAIT");

/**
 * Writes notifications, a delivery for each recipient and the answer under its key, each of them all or nothing; says of each, in
 * their order, what stands in the way. The requests must have different keys.
 * @param wait whether it waits for a recipient whom somebody is erasing; else the statement fails (SQLSTATE 55P03), so that a
 *   request does not wait for another one's recipient
 */
export async function acceptDeliveries(
  pool: Pick<Pool, "query">,
  requests: readonly AcceptRequest[],
  { mailboxShards, wait }: { mailboxShards: number; wait: boolean },
): Promise<AcceptRow[]> {
  const asked: (AskedNotification & { no: number })[] = [];
  const named = {
    externalOf: [] as number[],
    externalIds: [] as string[],
    referenceOf: [] as number[],
    references: [] as string[],
    recipientIds: [] as string[],
  };
  for (const [no, { externalIds, references, recipientIds, ...request }] of requests.entries()) {
    asked.push({ ...request, no });
    for (const externalId of externalIds) {
      named.externalOf.push(no);
      named.externalIds.push(externalId);
    }
    for (const [index, reference] of references.entries()) {
      named.referenceOf.push(no);
      named.references.push(reference);
      named.recipientIds.push(recipientIds[index]!);
    }
  }
  return executeOn(pool)(wait ? waitingStatement : notWaitingStatement, {
    ...named,
    requests: JSON.stringify(asked),
    mailboxQueues: shardNames("mailbox", mailboxShards),
    criticalQueues: shardNames("critical", mailboxShards),
  });
}
