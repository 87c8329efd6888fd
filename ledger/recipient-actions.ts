import type { EventKind } from "../domain/event-kinds.ts";
import { queueName, shardOf } from "../domain/delivery/queues.ts";
import { nextSnoozeLeg } from "../domain/delivery/snooze-leg.ts";
import type { DeliveryStatus } from "../domain/delivery/status.ts";
import type { TypeDefinition } from "../domain/policy/notification-type.ts";
import type { Preferences } from "../domain/policy/preferences.ts";
import type { ActionTarget } from "../domain/tokens.ts";
import { untilUncontended } from "./contention.ts";
import { changesOfCreated, countChanges } from "./delivery-counts.ts";
import { engagementsNow, recordEngagements } from "./engagement.ts";
import { groupsOf, leaveGroups, lockGroups } from "./groups.ts";
import { queueForEndpoints } from "./webhook-events.ts";
import { defineStatement, type Execute } from "./sql.ts";
import {
  cancelDeliveries,
  type ChangedRow,
  isCancellable,
  type Member as OwedRow,
  type RowThatLeft,
} from "./transitions.ts";

// Actions of recipients on messages: view, snooze, complete. Each is recorded as an event, once for each delivery.

/** A delivery on which an action is performed. */
interface Member {
  id: string;
  recipientId: string;
  leg: string;
  status: DeliveryStatus;
  entityId: string | null;
  /** Whether its recipient has completed it. */
  completed: boolean;
  /** Whether its campaign was cancelled or recalled. */
  over: boolean;
}

const columnOf = (target: ActionTarget) => ("group" in target ? "group_id" : "id");
/** The id of a target: a UUID. */
export const idOf = (target: ActionTarget) => ("group" in target ? target.group : target.delivery);

/** Defines a statement for either kind of target. `column` is `id` or `group_id`; `:target` is the id. */
export const byTarget = <Values extends object, Row>(text: (column: string) => string) => {
  const statements = {
    id: defineStatement<Values & { target: string }, Row>(text("id")),
    group_id: defineStatement<Values & { target: string }, Row>(text("group_id")),
  };
  return (target: ActionTarget) => statements[columnOf(target)];
};

/** Whether the delivery `w` has the same recipient and source as `m`. */
const sameOwed =
  "w.recipient_id = m.recipient_id AND w.campaign_id IS NOT DISTINCT FROM m.campaign_id AND w.notification_id IS NOT DISTINCT FROM m.notification_id";

const seenStatement = byTarget<
  object,
  { id: string; recipientId: string; campaignId: string | null }
>(
  (column) =>
    `SELECT id, recipient_id AS "recipientId", campaign_id AS "campaignId" FROM deliveries WHERE ${column} = :target::uuid`,
);

/** The deliveries of the target, and the open ones with the same recipient and source. */
const owedStatement = byTarget<object, OwedRow>(
  (column) => `
  SELECT DISTINCT w.id, w.group_id AS "groupId" FROM deliveries m JOIN deliveries w ON ${sameOwed}
  WHERE m.${column} = :target::uuid AND (w.id = m.id OR w.due_at IS NOT NULL)`,
);

const lockCampaignsStatement = defineStatement<{ ids: readonly string[] }>(
  "SELECT FROM campaigns WHERE id = ANY(:ids::uuid[]) ORDER BY id FOR SHARE",
);
const lockRecipientsStatement = defineStatement<{ ids: readonly string[] }>(
  "SELECT FROM recipients WHERE id = ANY(:ids::uuid[]) ORDER BY id FOR NO KEY UPDATE",
);
const lockRowsStatement = defineStatement<{ ids: readonly string[]; groups: readonly string[] }>(
  `WITH open AS (
     SELECT id FROM open_deliveries WHERE id = ANY(:ids::uuid[]) AND (group_id IS NULL OR group_id = ANY(:groups::uuid[])) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
   ),
   ended AS (SELECT id FROM ended_deliveries WHERE id = ANY(:ids::uuid[]) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED)
   SELECT id FROM open UNION ALL SELECT id FROM ended`,
);

const membersStatement = defineStatement<{ ids: readonly string[]; completed: string }, Member>(`
  SELECT d.id, d.recipient_id AS "recipientId", d.leg, d.status, n.entity_id AS "entityId",
    EXISTS (SELECT FROM events e WHERE e.dedup_key = :completed::text || d.id) AS completed,
    coalesce(c.status = 'cancelled' OR c.recalled_at IS NOT NULL, false) AS over
  FROM deliveries d JOIN recipients r ON r.id = d.recipient_id
    LEFT JOIN notifications n ON n.id = d.notification_id LEFT JOIN campaigns c ON c.id = d.campaign_id
  WHERE d.id = ANY(:ids::uuid[]) AND r.erased_at IS NULL ORDER BY d.id`);

/**
 * Calls `act` with the deliveries of the target, while their campaigns, recipients, groups and rows are locked. Two actions of one recipient
 * wait for each other at the recipient's row, so that the second one sees the effects of the first.
 * @returns null where the deliveries are no longer stored
 * @throws LedgerBusy
 */
async function withLockedMembers<Result>(
  execute: Execute,
  target: ActionTarget,
  act: (members: readonly Member[]) => Promise<Result>,
): Promise<Result | null> {
  const named = { target: idOf(target) };
  const seen = await execute(seenStatement(target), named);
  const distinct = (ids: readonly (string | null)[]) => [...new Set(ids.flatMap((id) => id ?? []))];
  await execute(lockCampaignsStatement, {
    ids: distinct(seen.map(({ campaignId }) => campaignId)),
  });
  await execute(lockRecipientsStatement, {
    ids: distinct(seen.map(({ recipientId }) => recipientId)),
  });
  const { result } = await untilUncontended(execute, async () => {
    const owed = await execute(owedStatement(target), named);
    const groups = groupsOf(owed);
    await lockGroups(execute, groups);
    const locked = await execute(lockRowsStatement, { ids: owed.map(({ id }) => id), groups });
    if (locked.length < owed.length) return null;
    const members = await execute(membersStatement, {
      ids: seen.map(({ id }) => id),
      completed: completedKey,
    });
    return { result: members.length === 0 ? null : await act(members) };
  });
  return result;
}

const completedKey = "completed/";

const recordStatement = defineStatement<
  {
    kind: EventKind;
    key: string;
    ids: readonly string[];
    recipientIds: readonly string[];
    data: readonly string[];
  },
  { id: string }
>(`
  WITH written AS (
    INSERT INTO events (id, kind, delivery_id, recipient_id, data, dedup_key, due_at, created_at)
    SELECT uuid_v7(ledger_now()), :kind::text, e.id, e.recipient_id, e.data, :key::text || e.id, ledger_now(), ledger_now()
    FROM unnest(:ids::uuid[], :recipientIds::uuid[], :data::text[]::jsonb[]) AS e(id, recipient_id, data)
    ON CONFLICT (dedup_key) DO NOTHING RETURNING *
  ),
  ${queueForEndpoints("written")}
  SELECT delivery_id AS id FROM written`);

/** Records an event for each delivery, once for each `key`. Resolves with the deliveries that had no such event yet. */
async function recordEvents(
  execute: Execute,
  kind: EventKind,
  key: string,
  events: readonly (Pick<Member, "id" | "recipientId"> & { data: Record<string, unknown> })[],
): Promise<Set<string>> {
  const rows = await execute(recordStatement, {
    kind,
    key,
    ids: events.map(({ id }) => id),
    recipientIds: events.map(({ recipientId }) => recipientId),
    data: events.map(({ data }) => JSON.stringify(data)),
  });
  return new Set(rows.map(({ id }) => id));
}

/** Records that the recipient of these deliveries has acted on them. */
async function recordActed(
  execute: Execute,
  members: readonly Pick<Member, "id" | "recipientId">[],
): Promise<void> {
  const deliveryIds = members.map(({ id }) => id);
  await recordEngagements(execute, engagementsNow(deliveryIds, "acted"));
}

/** A delivery that was viewed. */
export interface ViewedDelivery {
  id: string;
  recipientId: string;
  timeZone: string;
  preferences: Preferences | null;
  typeId: string | null;
  type: TypeDefinition | null;
  /** When the last hand-over ended, or began if it has not ended; null where there was none. */
  sentAt: Date | null;
}

const viewedStatement = byTarget<object, ViewedDelivery>(
  (column) => `
  SELECT d.id, r.id AS "recipientId", r.time_zone AS "timeZone", r.preferences, t.id AS "typeId", t.document AS type,
    CASE WHEN d.attempt_count > 0 THEN coalesce(d.finished_at, d.decided_at) END AS "sentAt"
  FROM deliveries d JOIN recipients r ON r.id = d.recipient_id
    LEFT JOIN notifications n ON n.id = d.notification_id LEFT JOIN campaigns c ON c.id = d.campaign_id
    LEFT JOIN notification_types t ON t.id = coalesce(n.type_id, c.type_id)
  WHERE d.${column} = :target::uuid AND r.erased_at IS NULL ORDER BY d.id`,
);

/** The deliveries of a view link; none where they are no longer stored. */
export const readViewedDeliveries = (
  execute: Execute,
  target: ActionTarget,
): Promise<ViewedDelivery[]> => execute(viewedStatement(target), { target: idOf(target) });

/**
 * Records views of deliveries, once for each token by a person, and once for each token by a machine.
 * @returns whether this is the first such view
 */
export async function recordViews(
  execute: Execute,
  token: string,
  viewed: readonly ViewedDelivery[],
  automated: boolean,
): Promise<boolean> {
  const key = automated ? `viewed-automatically/${token}/` : `viewed/${token}/`;
  const data = automated ? { automated } : {};
  const events = viewed.map((row) => ({ ...row, data }));
  if (!automated) await recordActed(execute, viewed);
  return (await recordEvents(execute, "delivery.viewed", key, events)).size > 0;
}

/** The recipient whom a link was sent to. */
interface LinkHolder {
  /** The current epoch of their links: a link with another one was revoked. */
  epoch: number;
  locale: string;
}

const linkHolderStatement = byTarget<object, LinkHolder>(
  (column) =>
    `SELECT r.links_epoch AS epoch, r.locale FROM deliveries d JOIN recipients r ON r.id = d.recipient_id WHERE d.${column} = :target::uuid LIMIT 1`,
);

/** Reads the recipient of a target; null where the deliveries are no longer stored. */
export async function readLinkHolder(
  execute: Execute,
  target: ActionTarget,
): Promise<LinkHolder | null> {
  const [row] = await execute(linkHolderStatement(target), { target: idOf(target) });
  return row ?? null;
}

const learnHourStatement = defineStatement<{ recipientId: string; hour: number }>(`
  UPDATE recipients SET engaged_hours = ARRAY(
    SELECT coalesce(engaged_hours[hour], 0) + (hour = :hour::int + 1)::int FROM generate_series(1, 24) AS hour ORDER BY hour
  ) WHERE id = :recipientId::uuid AND erased_at IS NULL`);

/** Counts a view in the hour of the recipient's local day, from 0 to 23. */
export async function learnEngagedHour(
  execute: Execute,
  recipientId: string,
  hour: number,
): Promise<void> {
  await execute(learnHourStatement, { recipientId, hour });
}

const forgetHoursStatement = defineStatement<{ recipientId: string }, object>(
  "UPDATE recipients SET engaged_hours = '{}' WHERE id = :recipientId::uuid AND engaged_hours <> '{}' RETURNING 1",
);

/** Forgets the hours in which a recipient has viewed messages. Resolves with whether there were any. */
export const forgetEngagedHours = async (execute: Execute, recipientId: string): Promise<boolean> =>
  (await execute(forgetHoursStatement, { recipientId })).length > 0;

/** The statuses of deliveries that may have arrived, and that a snooze repeats. */
const repeatedStatuses: readonly DeliveryStatus[] = [
  "sending",
  "sent",
  "delivered",
  "failed",
  "unknown",
];

interface Snoozing {
  ids: readonly string[];
  legs: readonly string[];
  until: string;
  mailbox: string;
}

/** Postpones waiting deliveries, and waiting repeats of deliveries that were sent. */
const postponeStatement = defineStatement<Snoozing, RowThatLeft>(`
  UPDATE open_deliveries d SET due_at = :until::timestamptz, reason = 'snoozed', hold_count = 0, group_id = NULL,
    queue = CASE WHEN d.queue LIKE 'digest/%' THEN :mailbox::text ELSE d.queue END
  FROM (
    SELECT w.id, w.group_id FROM unnest(:ids::uuid[], :legs::text[]) AS named(id, again) JOIN deliveries m ON m.id = named.id
      JOIN open_deliveries w ON ${sameOwed} AND (w.id = m.id OR w.leg = named.again)
    WHERE w.lease_token IS NULL ORDER BY w.id FOR NO KEY UPDATE OF w SKIP LOCKED
  ) AS locked
  WHERE d.id = locked.id RETURNING d.id, d.campaign_id AS "campaignId", d.queue, locked.group_id AS "groupId"`);

const repeatStatement = defineStatement<Snoozing & { critical: string }, ChangedRow>(`
  WITH written AS (
  INSERT INTO open_deliveries (id, campaign_id, notification_id, recipient_id, leg, channel, priority, queue, due_at, reason, created_at)
  SELECT uuid_v7(ledger_now()), d.campaign_id, d.notification_id, d.recipient_id, named.again, d.channel, d.priority,
    CASE d.priority WHEN 'critical' THEN :critical::text ELSE :mailbox::text END, :until::timestamptz, 'snoozed', ledger_now()
  FROM unnest(:ids::uuid[], :legs::text[]) AS named(id, again) JOIN deliveries d ON d.id = named.id
  -- No second repeat of the same leg, if the first has ended.
  WHERE NOT EXISTS (SELECT FROM ended_deliveries m WHERE ${sameOwed.replaceAll("w.", "d.")} AND m.leg = named.again)
  ORDER BY d.id
  ON CONFLICT DO NOTHING RETURNING id, campaign_id, notification_id, leg, route_id, created_at, queue
  ),
  counted AS (${countChanges(changesOfCreated("written"))})
  SELECT id, campaign_id AS "campaignId", queue FROM written`);

const snoozedStatement = byTarget<{ key: string }, { deliveries: number; until: string | null }>(
  (column) => `
  SELECT count(*)::int AS deliveries, min(e.data->>'until') AS until
  FROM deliveries d JOIN recipients r ON r.id = d.recipient_id JOIN events e ON e.dedup_key = :key::text || d.id
  WHERE d.${column} = :target::uuid AND r.erased_at IS NULL`,
);

const snoozedKey = (token: string) => `snoozed/${token}/`;

/** The result of an earlier snooze with this token, read without locks; null where there was none. */
export async function findSnooze(
  execute: Execute,
  token: string,
  target: ActionTarget,
): Promise<{ deliveries: number; until: string } | null> {
  const [found] = await execute(snoozedStatement(target), {
    target: idOf(target),
    key: snoozedKey(token),
  });
  const { deliveries, until } = found!;
  return until === null ? null : { deliveries, until };
}

const earlierSnoozeStatement = defineStatement<{ keys: readonly string[] }, { until: string }>(
  "SELECT data->>'until' AS until FROM events WHERE dedup_key = ANY(:keys::text[])",
);

/** The result of a snooze. */
export type Snoozed =
  | { kind: "snoozed"; rows: ChangedRow[]; deliveries: number; until: string }
  /** No message is repeated: the recipient has completed it, its campaign was cancelled or recalled, or it was repeated already. */
  | { kind: "refused"; why: "completed" | "taken_back" | "came_again" };

/**
 * Snoozes deliveries until `until` (ISO 8601): a waiting delivery becomes due then, and a delivery that was sent is repeated then as a new
 * delivery. A later snooze of the same delivery changes that time. A repeated call with the same token returns the first result.
 * @returns null where the deliveries are no longer stored
 * @throws LedgerBusy
 */
export const snoozeDeliveries = (
  execute: Execute,
  token: string,
  target: ActionTarget,
  { until, mailboxShards }: { until: string; mailboxShards: number },
): Promise<Snoozed | null> =>
  withLockedMembers(execute, target, async (members): Promise<Snoozed> => {
    const key = snoozedKey(token);
    const keys = members.map(({ id }) => `${key}${id}`);
    const earlier = await execute(earlierSnoozeStatement, { keys });
    if (earlier[0])
      return { kind: "snoozed", rows: [], deliveries: earlier.length, until: earlier[0].until };

    const alive = members.filter(
      ({ status, completed, over }) =>
        !completed && !over && (status === "pending" || repeatedStatuses.includes(status)),
    );
    const [first] = alive;
    if (first === undefined) {
      const completed = members.every((member) => member.completed);
      return { kind: "refused", why: completed ? "completed" : "taken_back" };
    }
    const shard = shardOf(first.recipientId, mailboxShards);
    const snoozing = (some: readonly Member[]): Snoozing => ({
      ids: some.map(({ id }) => id),
      legs: some.map(({ leg }) => nextSnoozeLeg(leg)),
      until,
      mailbox: queueName({ kind: "mailbox", shard }),
    });
    const waiting = await execute(postponeStatement, snoozing(alive));
    await leaveGroups(execute, waiting);
    const sent = alive.filter(({ status }) => status !== "pending");
    const critical = queueName({ kind: "critical", shard });
    const rows = [...waiting, ...(await execute(repeatStatement, { ...snoozing(sent), critical }))];
    if (rows.length === 0) return { kind: "refused", why: "came_again" };
    const events = alive.map((member) => ({ ...member, data: { until } }));
    await recordEvents(execute, "delivery.snoozed", key, events);
    await recordActed(execute, alive);
    return { kind: "snoozed", rows, deliveries: alive.length, until };
  });

const completedStatement = byTarget<
  { completed: string },
  { deliveries: number; done: boolean | null }
>(
  (column) => `
  SELECT count(*)::int AS deliveries, bool_and(EXISTS (SELECT FROM events e WHERE e.dedup_key = :completed::text || d.id)) AS done
  FROM deliveries d JOIN recipients r ON r.id = d.recipient_id WHERE d.${column} = :target::uuid AND r.erased_at IS NULL`,
);

/** The result of an earlier completion, read without locks; null where there was none. */
export async function findCompletion(
  execute: Execute,
  target: ActionTarget,
): Promise<{ deliveries: number } | null> {
  const [found] = await execute(completedStatement(target), {
    target: idOf(target),
    completed: completedKey,
  });
  const { deliveries, done } = found!;
  return done ? { deliveries } : null;
}

const cancellableOwedStatement = defineStatement<{ ids: readonly string[] }, OwedRow>(`
  SELECT DISTINCT d.id, d.group_id AS "groupId" FROM deliveries m JOIN open_deliveries d ON ${sameOwed.replaceAll("w.", "d.")}
  WHERE m.id = ANY(:ids::uuid[]) AND ${isCancellable}`);

/**
 * Records that the recipient has completed deliveries, once for each, and cancels those that still wait, on every leg.
 * @returns null where the deliveries are no longer stored
 * @throws LedgerBusy
 */
export const completeDeliveries = (
  execute: Execute,
  target: ActionTarget,
): Promise<{ rows: ChangedRow[]; deliveries: number } | null> =>
  withLockedMembers(execute, target, async (members) => {
    const events = members.map((member) => ({ ...member, data: { entityId: member.entityId } }));
    const fresh = await recordEvents(execute, "delivery.completed", completedKey, events);
    await recordActed(execute, members);
    const owed = await execute(cancellableOwedStatement, { ids: [...fresh] });
    return {
      rows: await cancelDeliveries(execute, owed, "completed"),
      deliveries: members.length,
    };
  });
