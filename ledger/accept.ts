import type { Pool } from "pg";
import type { Channel } from "../domain/channel.ts";
import { shardNames } from "../domain/delivery/queues.ts";
import type { NotificationAction } from "../domain/notification.ts";
import type { Priority } from "../domain/priority.ts";
import { firstStages } from "./first-stages.ts";
import { dueSoon, isBacklog, isScheduled, ownQueue } from "./conditions.ts";
import { changesOfCreated, countChanges } from "./delivery-counts.ts";
import { type KeyState, keyStateSql } from "./idempotency-key.ts";
import { defineStatement, executeOn } from "./sql.ts";

/** The columns of a notification that is accepted. Ids are UUIDs. */
interface AcceptedNotification {
  id: string;
  publicId: string;
  versionId: string | null;
  /** The content, where the notification has no template. */
  contentId: string | null;
  /** Whether the version must still be the active one of its template. */
  mustBeActive: boolean;
  priority: Priority;
  /** The channel of deliveries without a route. */
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
  /** Whether the notification is a test of a template version. */
  test: boolean;
}

/** One request, as a parameter of the statement. */
interface RequestedNotification extends AcceptedNotification {
  /** The idempotency key, its owner and the hash of its request; null without a key. */
  scope: string | null;
  key: string | null;
  hash: string | null;
  /** False where the statement only looks for the answer under the key, and writes nothing. */
  valid: boolean;
  now: Date;
  caller: string;
  requestId: string;
  /** Whether the notification is scheduled for later: it then counts with the recipient's scheduled deliveries, and else with their backlog. */
  isLater: boolean;
  /** The number of waiting deliveries from which on a recipient accepts no further one. */
  room: number;
  /** The HTTP status of the answer that is stored under the key. */
  answerStatus: number;
  /** The id of the audit entry for a bypass of limits, and the network address in it. */
  auditId: string | null;
  address: string | null;
}

/** A request to accept a notification, with its recipients. */
export interface AcceptRequest extends RequestedNotification {
  externalIds: readonly string[];
  /** The recipients that are named by public id; `recipientIds` are the same as UUIDs. */
  references: readonly string[];
  recipientIds: readonly string[];
  /** The ids of the recipients' routes, in the order of `externalIds` and then of `references`; null where none of them has a route. */
  routeIds: readonly (number | null)[] | null;
}

/** The result of one request. */
export interface AcceptRow extends KeyState {
  /** Whether the template version may be used: it is still active where that is required, and its template is not archived. */
  current: boolean;
  /** The text of the answer; null where nothing was written. */
  accepted: string | null;
  /** The number of deliveries that were written. */
  count: number | null;
  queues: string[] | null;
  /** The recipients that do not exist; null where all exist. */
  missing: string[] | null;
  /** The recipients that have no room for another waiting delivery; null where all have room. */
  crowdedIds: string[] | null;
  crowdedNames: string[] | null;
  /** The longest of the times in seconds until the first waiting delivery of each crowded recipient is due; negative if it is past. */
  crowdedForSeconds: number | null;
}

interface AcceptParameters {
  /** The text of a JSON array of requests, each with its number. */
  requests: string;
  /** The recipients of all requests, each with the number of its request. */
  externalOf: readonly number[];
  externalIds: readonly string[];
  referenceOf: readonly number[];
  references: readonly string[];
  recipientIds: readonly string[];
  externalRoutes: readonly (number | null)[];
  referenceRoutes: readonly (number | null)[];
  /** The queue of each shard. */
  mailboxQueues: readonly string[];
  criticalQueues: readonly string[];
}

/** Inserts the deliveries of `notification`, for each recipient one for each stage that begins at once. A test of a template is sent at once: no rule holds it. */
const insertDeliveries = `
  INSERT INTO open_deliveries (id, notification_id, recipient_id, leg, channel, priority, queue, due_at, reason, created_at, route_id)
  SELECT uuid_v7(n.created_at), n.id, t.recipient_id, s.leg, s.channel, p.priority,
    ${ownQueue("t", "CASE p.priority WHEN 'critical' THEN :criticalQueues::text[] ELSE :mailboxQueues::text[] END")}, n.send_at,
    CASE WHEN n.test THEN 'send_requested' END, n.created_at, t.route_id
  FROM notification AS n JOIN request AS r ON r.id = n.id JOIN target AS t ON t.no = r.no
    LEFT JOIN routes AS o ON o.id = t.route_id CROSS JOIN LATERAL ${firstStages("o", "t", "r.channel")} AS s
    CROSS JOIN LATERAL (SELECT coalesce((o.document->>'priority')::priority, n.priority) AS priority) AS p
  RETURNING notification_id, queue, leg, created_at`;

const soon = "(SELECT soon FROM clock)";

/**
 * Accepting notifications is the most time-critical write, so it is one statement, and one transaction, for all requests that arrive
 * together. For each request it looks for the answer stored under its key, and locks its recipients against erasure. It writes the
 * notification, its deliveries and its answer only if the request is valid, all recipients exist and have room, the template is not
 * archived, and the version is still active where that is required. A recipient's room is checked against their backlog, or against
 * their scheduled deliveries for a notification that is scheduled. `room` must leave space for deliveries of other requests, in this
 * statement and in concurrent ones, which the statement cannot see.
 *
 * Requests of one statement have different keys.
 */
const acceptStatement = (name: string, lock: "FOR KEY SHARE" | "FOR KEY SHARE NOWAIT") =>
  defineStatement<AcceptParameters, AcceptRow>(
    `
  WITH request AS MATERIALIZED (
    SELECT * FROM json_to_recordset(:requests::text::json) AS r(no int, id uuid, "publicId" text, "versionId" uuid, "contentId" uuid, "mustBeActive" boolean,
      priority priority, channel channel, data jsonb, "sendAt" timestamptz, "typeId" uuid, "occursAt" timestamptz, "expiresAt" timestamptz,
      "entityId" text, "dedupKey" text, "collapseKey" text, batchable boolean, "bypassRateLimit" boolean, actions jsonb, test boolean,
      scope text, key text, hash text, valid boolean, now timestamptz, caller text, "requestId" text, "isLater" boolean, room int, "answerStatus" int, "auditId" uuid, address text)
  ),
  state AS MATERIALIZED (SELECT r.no, k.* FROM request AS r CROSS JOIN LATERAL (${keyStateSql("r.scope", "r.key")}) AS k),
  held AS MATERIALIZED (
    SELECT r.id, r.external_id, r.email, r.phone, r.address_channels FROM recipients AS r
    WHERE r.erased_at IS NULL AND (r.external_id = ANY(:externalIds::text[]) OR r.id = ANY(:recipientIds::uuid[]))
    ${lock}
  ),
  -- A recipient who is named by both ids gets one delivery.
  target AS MATERIALIZED (
    SELECT DISTINCT ON (no, recipient_id) * FROM (
      SELECT n.no, h.id AS recipient_id, h.external_id, h.email, h.phone, h.address_channels, n.route_id
      FROM unnest(:externalOf::int[], :externalIds::text[], :externalRoutes::int[]) AS n(no, ref, route_id) JOIN held AS h ON h.external_id = n.ref
      UNION ALL SELECT n.no, h.id, h.external_id, h.email, h.phone, h.address_channels, n.route_id
      FROM unnest(:referenceOf::int[], :recipientIds::uuid[], :referenceRoutes::int[]) AS n(no, id, route_id) JOIN held AS h ON h.id = n.id
    ) AS named
  ),
  -- NOT IN is always hashed, whatever number of recipients the plan was made for.
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
    INSERT INTO notifications (id, template_version_id, content_id, priority, data, send_at, created_at, created_by, request_id, test,
      type_id, occurs_at, expires_at, entity_id, dedup_key, collapse_key, batchable, bypass_rate_limit, actions)
    SELECT r.id, r."versionId", r."contentId", r.priority, r.data, r."sendAt", r.now, r.caller, r."requestId", r.test,
      r."typeId", r."occursAt", r."expiresAt", r."entityId", r."dedupKey", r."collapseKey", r.batchable, r."bypassRateLimit", r.actions
    FROM request AS r JOIN state AS s ON s.no = r.no JOIN version AS v ON v.no = r.no
    WHERE r.valid AND v.current AND (s.locked OR r.key IS NULL) AND s."requestHash" IS NULL
      AND r.no NOT IN (SELECT no FROM missing) AND r.no NOT IN (SELECT no FROM crowded)
    RETURNING id, priority, send_at, created_at, test
  ),
  -- Each use of the right to bypass limits is audited.
  bypass AS (
    INSERT INTO audit_entries (id, actor, action, resource, request_id, address, after, created_at)
    SELECT r."auditId", r.caller, 'notification.bypass-rate-limit', r."publicId", r."requestId", r.address,
      jsonb_build_object('recipients', (SELECT count(*) FROM target AS t WHERE t.no = r.no)), n.created_at
    FROM notification AS n JOIN request AS r ON r.id = n.id WHERE r."bypassRateLimit"
  ),
  rows AS (${insertDeliveries}),
  counted AS (${countChanges(
    changesOfCreated(
      `(SELECT d.created_at, d.leg, NULL::uuid AS campaign_id, NULL::int AS route_id, r."typeId" FROM rows AS d JOIN request AS r ON r.id = d.notification_id)`,
      `c."typeId"`,
    ),
  )}),
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
 * Writes each notification with a delivery for each recipient and the answer under its key, or nothing of it. The results are in the order of
 * the requests, and say why nothing was written. The requests must have different keys.
 * @param wait whether to wait for a recipient who is being erased. Otherwise the statement fails (SQLSTATE 55P03), so that no request waits
 *   for the recipient of another
 */
export async function acceptDeliveries(
  pool: Pick<Pool, "query">,
  requests: readonly AcceptRequest[],
  { mailboxShards, wait }: { mailboxShards: number; wait: boolean },
): Promise<AcceptRow[]> {
  const requested: (RequestedNotification & { no: number })[] = [];
  const recipients = {
    externalOf: [] as number[],
    externalIds: [] as string[],
    referenceOf: [] as number[],
    references: [] as string[],
    recipientIds: [] as string[],
    externalRoutes: [] as (number | null)[],
    referenceRoutes: [] as (number | null)[],
  };
  for (const [no, named] of requests.entries()) {
    const { externalIds, references, recipientIds, routeIds, ...request } = named;
    requested.push({ ...request, no });
    for (const [index, externalId] of externalIds.entries()) {
      recipients.externalOf.push(no);
      recipients.externalIds.push(externalId);
      recipients.externalRoutes.push(routeIds?.[index] ?? null);
    }
    for (const [index, reference] of references.entries()) {
      recipients.referenceOf.push(no);
      recipients.references.push(reference);
      recipients.recipientIds.push(recipientIds[index]!);
      recipients.referenceRoutes.push(routeIds?.[externalIds.length + index] ?? null);
    }
  }
  return executeOn(pool)(wait ? waitingStatement : notWaitingStatement, {
    ...recipients,
    requests: JSON.stringify(requested),
    mailboxQueues: shardNames("mailbox", mailboxShards),
    criticalQueues: shardNames("critical", mailboxShards),
  });
}
