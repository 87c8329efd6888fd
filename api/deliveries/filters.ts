import { z } from "@hono/zod-openapi";
import type { Pool } from "pg";
import { firstUuidAt, parsePublicId, publicIdPattern } from "../../domain/ids.ts";
import { channels } from "../../domain/channel.ts";
import { type DeliveryStatus } from "../../domain/delivery/status.ts";
import { deliveryStatuses } from "../../domain/delivery/status.ts";
import { priorities, type Priority } from "../../domain/priority.ts";
import { typeKey } from "../../domain/policy/notification-type.ts";
import { parseQueueName, waitingDigests } from "../../domain/delivery/queues.ts";
import {
  type FilteredReason,
  filteredReasons,
  reasons,
  reasonStatuses,
} from "../../domain/delivery/reasons.ts";
import { recipientReference } from "../../domain/recipient.ts";
import { text } from "../../domain/text.ts";
import { type WhereBuilder, createWhereBuilder } from "../http/where.ts";
import { type DeliveryRow, deliveryColumns, typeIdOf } from "./store.ts";
import type { Part } from "../http/page-reading.ts";
import { createdBetween, instantParameter, oneOrMore } from "../http/pages.ts";
import { exampleIdOf } from "../http/path-ids.ts";

/** A parameter with the public id of a resource. It is parsed to the UUID. */
export const idOf = (kind: "campaign" | "notification" | "group" | "delivery") =>
  z
    .string()
    .regex(publicIdPattern(kind), `must be the id of a ${kind}`)
    .transform((id) => parsePublicId(kind, id)!)
    .optional()
    .openapi({
      type: "string",
      description:
        kind === "campaign"
          ? "The id of a campaign; its snoozed deliveries are left out"
          : `The id of a ${kind}`,
      pattern: publicIdPattern(kind).source,
      example: exampleIdOf(kind),
    });

/** A parameter with the external id of a recipient, or with the id that Tidings gave. */
export const recipientParameter = text(200).openapi({
  description: "The recipient’s external id, or rcp_…",
  example: "ada",
});

export const queueParameter = text(100)
  .refine(isQueueName, "must be the name of a queue, such as mailbox/0")
  .openapi({
    description: "The name of a queue",
    example: "mailbox/0",
    pattern: "^(mailbox|critical|campaign|digest)/",
  });

function isQueueName(name: string): boolean {
  if (name === waitingDigests) return true;
  try {
    parseQueueName(name);
    return true;
  } catch {
    return false;
  }
}

export const typeParameter = typeKey.meta({
  description: "The key of a notification type",
  example: "task.deadline",
});

const singleFilters = {
  campaign: idOf("campaign"),
  notification: idOf("notification"),
  recipient: recipientParameter.optional(),
  queue: queueParameter.optional(),
  type: typeParameter.optional(),
  group: idOf("group"),
  ...createdBetween,
  sentFrom: instantParameter
    .optional()
    .openapi({ description: "Only messages that a provider accepted at this time or later" }),
  sentBefore: instantParameter
    .optional()
    .openapi({ description: "Only messages that a provider accepted before this time" }),
};

const reasonDescription =
  "Why the deliveries wait, or why they ended; `none` selects those without a reason, which wait for their time or their turn, or were sent";

/** The filters for deliveries, as parameters of a query string. */
export const deliveryFilterQuery = {
  status: oneOrMore(deliveryStatuses).optional(),
  reason: oneOrMore(filteredReasons).optional().openapi({ description: reasonDescription }),
  channel: oneOrMore(channels).optional(),
  priority: oneOrMore(priorities).optional(),
  ...singleFilters,
};

const nonEmptyArray = <const Values extends readonly [string, ...string[]]>(values: Values) =>
  z.array(z.enum(values)).min(1, "must name at least one").max(values.length);

/** The filters for deliveries, in a request body. */
export const deliveryFilterBody = z
  .strictObject({
    status: nonEmptyArray(deliveryStatuses)
      .optional()
      .openapi({ example: ["failed"] }),
    reason: nonEmptyArray(filteredReasons).optional().openapi({ description: reasonDescription }),
    channel: nonEmptyArray(channels).optional(),
    priority: nonEmptyArray(priorities).optional(),
    ...singleFilters,
  })
  // A change of every delivery is more often a mistake of a program than intended.
  .refine(
    (filters) => Object.keys(filters).length > 0,
    "must have at least one filter: to select all deliveries of a status, name that status",
  )
  .openapi({ minProperties: 1 });

/** Filters for deliveries. A delivery matches if it matches every filter that is given. Ids are UUIDs. */
export interface DeliveryFilters {
  status?: DeliveryStatus[] | undefined;
  reason?: FilteredReason[] | undefined;
  channel?: (typeof channels)[number][] | undefined;
  priority?: Priority[] | undefined;
  campaign?: string | undefined;
  notification?: string | undefined;
  recipient?: string | undefined;
  queue?: string | undefined;
  type?: string | undefined;
  group?: string | undefined;
  createdFrom?: Date | undefined;
  createdBefore?: Date | undefined;
  sentFrom?: Date | undefined;
  sentBefore?: Date | undefined;
}

/** Replaces the recipient and the type in filters by their UUIDs. Resolves with null if one of them does not exist: nothing matches then. */
export async function findNamed<
  Filters extends { recipient?: string | undefined; type?: string | undefined },
>(pool: Pool, filters: Filters): Promise<Filters | null> {
  const found = { ...filters };
  if (filters.recipient !== undefined) {
    const named = recipientReference(filters.recipient);
    const id =
      "id" in named
        ? named.id
        : await findId(pool, "SELECT id FROM recipients WHERE external_id = $1", named.externalId);
    if (id === null) return null;
    found.recipient = id;
  }
  if (filters.type !== undefined) {
    const id = await findId(pool, "SELECT id FROM notification_types WHERE key = $1", filters.type);
    if (id === null) return null;
    found.type = id;
  }
  return found;
}

async function findId(pool: Pool, sql: string, name: string): Promise<string | null> {
  const { rows } = await pool.query<{ id: string }>(sql, [name]);
  return rows[0]?.id ?? null;
}

/**
 * Reads a part of the matching deliveries, in the order of creation. The statement is not a prepared one, so that PostgreSQL plans it
 * for these values: with a million rows, one plan for all campaigns is a bad plan for each of them.
 */
export async function readDeliveries(
  pool: Pick<Pool, "query">,
  filters: DeliveryFilters,
  { after, direction, take }: Part,
): Promise<DeliveryRow[]> {
  const conditions = createWhereBuilder();
  await addFilters(pool, conditions, filters);
  if (after !== null)
    conditions.and(`d.id ${direction === "asc" ? ">" : "<"} ${conditions.bind(after)}::uuid`);
  const limit = conditions.bind(take);
  const shared = conditions.sql();
  const disjoint = splitByStatus(filters);
  if (disjoint.length === 0) return [];
  const parts = disjoint.map(
    (condition) =>
      `(SELECT d.* FROM deliveries d WHERE ${condition} AND ${shared} ORDER BY d.id ${direction} LIMIT ${limit}::int)`,
  );
  const { rows } = await pool.query<DeliveryRow>(
    `SELECT ${deliveryColumns} FROM (${parts.join(" UNION ALL ")}) d ORDER BY d.id ${direction} LIMIT ${limit}::int`,
    conditions.values,
  );
  return rows;
}

/** Counts the deliveries that the filters match, up to `limit`. */
export async function countDeliveriesUpTo(
  pool: Pick<Pool, "query">,
  filters: DeliveryFilters,
  limit: number,
): Promise<number> {
  const conditions = createWhereBuilder();
  await addFilters(pool, conditions, filters);
  const atMost = conditions.bind(limit);
  const parts = splitByStatus(filters).map(
    (condition) =>
      `(SELECT FROM deliveries d WHERE ${condition} AND ${conditions.sql()} LIMIT ${atMost}::int)`,
  );
  if (parts.length === 0) return 0;
  const { rows } = await pool.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM (SELECT FROM (${parts.join(" UNION ALL ")}) AS found LIMIT ${atMost}::int) AS counted`,
    conditions.values,
  );
  return rows[0]!.count;
}

/** Counts the deliveries that the filters match. */
export async function countDeliveries(pool: Pool, filters: DeliveryFilters): Promise<number> {
  const conditions = createWhereBuilder();
  await addFilters(pool, conditions, filters);
  const parts = splitByStatus(filters).map(
    (condition) =>
      `SELECT count(*)::int AS count FROM deliveries d WHERE ${condition} AND ${conditions.sql()}`,
  );
  if (parts.length === 0) return 0;
  const { rows } = await pool.query<{ count: number }>(
    parts.join(" UNION ALL "),
    conditions.values,
  );
  return rows.reduce((sum, { count }) => sum + count, 0);
}

/**
 * Splits the filters by status and reason into conditions that no two rows share, so that each is looked up by itself. Each names one
 * of the two tables of deliveries by whether `due_at` is set. There its rows have an index in the order of creation, or are most of the
 * table.
 */
function splitByStatus({ status, reason }: DeliveryFilters): string[] {
  if (!status && !reason) return ["true"];
  return [...new Set(status ?? deliveryStatuses)].flatMap((each): string[] => {
    const open = each === "pending" || each === "sending";
    const canLackReason = open || each === "sent" || each === "delivered";
    const hasStatus = `d.due_at IS ${open ? "NOT NULL" : "NULL"} AND d.status = '${each}'`;
    if (!reason && canLackReason) return [hasStatus];
    return [...new Set<FilteredReason>(reason ?? reasons)].flatMap((code) => {
      if (code === "none") return canLackReason ? [`${hasStatus} AND d.reason IS NULL`] : [];
      return reasonStatuses[code].includes(each) ? [`${hasStatus} AND d.reason = '${code}'`] : [];
    });
  });
}

/** The condition that a row `d` has one of these reasons, of which `placeholder` stands for the list. */
export const reasonIn = (placeholder: string, reason: readonly FilteredReason[]): string =>
  reason.includes("none")
    ? `(d.reason IS NULL OR d.reason = ANY(${placeholder}::text[]))`
    : `d.reason = ANY(${placeholder}::text[])`;

async function addFilters(
  pool: Pick<Pool, "query">,
  conditions: WhereBuilder,
  filters: DeliveryFilters,
): Promise<void> {
  const { bind, and } = conditions;
  const { reason, channel, priority, campaign, notification, recipient, queue } = filters;
  const { type, group, createdFrom, createdBefore, sentFrom, sentBefore } = filters;
  if (reason) and(reasonIn(bind(reason), reason));
  if (channel) and(`d.channel = ANY(${bind(channel)}::channel[])`);
  if (priority) and(`d.priority = ANY(${bind(priority)}::priority[])`);
  if (campaign !== undefined) {
    and(`d.campaign_id = ${bind(campaign)}::uuid`);
    and("d.leg = 'primary'");
    // The rows of a campaign are written together, so they are neighbours in the primary key, which is in the order of creation.
    const { from, until } = await readCreationSpan(pool, campaign);
    if (from) and(`d.id >= ${bind(firstUuidAt(from))}::uuid`);
    if (until) and(`d.id < ${bind(firstUuidAt(until))}::uuid`);
  }
  if (notification !== undefined) and(`d.notification_id = ${bind(notification)}::uuid`);
  if (recipient !== undefined) and(`d.recipient_id = ${bind(recipient)}::uuid`);
  if (queue !== undefined) and(`d.queue = ${bind(queue)}`);
  if (type !== undefined) and(`${typeIdOf} = ${bind(type)}::uuid`);
  if (group !== undefined) and(`d.group_id = ${bind(group)}::uuid`);
  if (createdFrom) and(`d.id >= ${bind(firstUuidAt(createdFrom))}::uuid`);
  if (createdBefore) and(`d.id < ${bind(firstUuidAt(createdBefore))}::uuid`);
  if (sentFrom || sentBefore) addSentRange(conditions, { sentFrom, sentBefore });
}

/**
 * Adds the condition that a message was sent in a range of time, as `sentAt` of the answers shows it. A delivery that ended as failed
 * ended later than it was sent, if its message bounced. No message was sent before its delivery was created, which bounds the ids.
 */
function addSentRange(
  { bind, and }: WhereBuilder,
  { sentFrom, sentBefore }: Pick<DeliveryFilters, "sentFrom" | "sentBefore">,
): void {
  const from = sentFrom ? bind(sentFrom) : null;
  const before = sentBefore ? bind(sentBefore) : null;
  const within = (column: string) =>
    [
      ...(from ? [`${column} >= ${from}::timestamptz`] : []),
      ...(before ? [`${column} < ${before}::timestamptz`] : []),
    ].join(" AND ");
  and("d.due_at IS NULL");
  if (from) and(`d.finished_at >= ${from}::timestamptz`);
  if (sentBefore)
    and(`d.id < ${bind(firstUuidAt(new Date(sentBefore.getTime() + clockSlackMs)))}::uuid`);
  and(`(d.status IN ('sent', 'delivered') AND ${within("d.finished_at")} OR d.status = 'failed' AND EXISTS (
    SELECT FROM ended_deliveries x WHERE x.id = d.id AND x.outcome = 'sent' AND ${within("x.attempt_finished_at")}))`);
}

/** Tolerates a clock that is adjusted while an audience is frozen. */
const clockSlackMs = 60_000;

/** Reads between which instants the deliveries of a campaign were created; null if that was not recorded. */
async function readCreationSpan(
  pool: Pick<Pool, "query">,
  id: string,
): Promise<{ from: Date | null; until: Date | null }> {
  const { rows } = await pool.query<{ from: Date | null; until: Date | null }>(
    `SELECT deliveries_from - $2 * interval '1 millisecond' AS from, deliveries_until + $2 * interval '1 millisecond' AS until
     FROM campaigns WHERE id = $1::uuid`,
    [id, clockSlackMs],
  );
  return rows[0] ?? { from: null, until: null };
}
