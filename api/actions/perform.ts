import type { Context } from "hono";
import type { RecipientAction } from "../../domain/action.ts";
import type { EventKind } from "../../domain/event.ts";
import { snoozeOf } from "../../domain/delivery/leg.ts";
import { dayMs, hourMs, localTimeAt, minuteMs } from "../../domain/time/local-time.ts";
import type { DeliveryStatus } from "../../domain/delivery/status.ts";
import type { TypeDefinition } from "../../domain/policy/notification-type.ts";
import { effectivePreferences, type Preferences } from "../../domain/policy/preferences.ts";
import { isLane, queueName, shardOf } from "../../domain/delivery/queues.ts";
import type { ActionTarget, Tokens } from "../../domain/tokens.ts";
import type { Prisma } from "../../prisma/generated/client.ts";
import type { ApiEnv } from "../http/context.ts";
import { type ChangedRow, wakeFor } from "../deliveries/changes.ts";
import { withAuditedTransaction, type Work } from "../http/idempotency.ts";
import { readPolicy } from "../policy/store.ts";
import { Problem } from "../http/problem.ts";
import { leaveGroups, lockGroups } from "../../ledger/groups.ts";
import type { ApiDeps } from "../http/router.ts";
import { type Run, runOf } from "../../ledger/run.ts";

/** An action of a recipient, as a token of theirs says it. */
export interface Action {
  /** Of the token. */
  id: string;
  target: ActionTarget;
  action: RecipientAction;
}

/** What came of an action. Repeated, it comes to the same. */
export interface ActionOutcome {
  action: RecipientAction["action"];
  /** Deliveries that it was done to. */
  deliveries: number;
  /** Of a snooze: when it comes again. */
  until: string | null;
  /** Of a view: where to look at it. */
  url: string | null;
}

/** The action that a token stands for. Throws the problem of one that is good for nothing, or not any more. */
export async function readAction(
  tokens: Pick<Tokens, "verifyActionToken">,
  token: string,
  now: Date,
): Promise<Action> {
  const verified = await tokens.verifyActionToken(token, now);
  if ("claims" in verified) return verified.claims;
  throw verified.fault === "expired"
    ? new Problem("expired", "The link has expired.")
    : new Problem("not-found", "There is no such link. It may have been cut off on its way.");
}

/**
 * Does what a recipient asked for, in one transaction; each is in the table of events, and nothing in the audit trail. Throws
 * the problem of what cannot be done.
 */
export function perform(
  c: Context<ApiEnv>,
  deps: ApiDeps,
  { id, target, action }: Action,
): Promise<ActionOutcome> {
  const wake = (rows: readonly ChangedRow[]) => () =>
    wakeFor(
      // A campaign does not wait for what is in a mailbox.
      rows.map((row) => (isLane(row.queue) ? row : { ...row, campaignId: null })),
      deps.wakes,
      c.get("requestId"),
    );
  return withAuditedTransaction(c, deps, async (tx): Promise<Work<ActionOutcome>> => {
    const now = deps.clock();
    switch (action.action) {
      case "view": {
        const deliveries = await view(tx, id, target, now);
        return { body: { ...none, action: "view", deliveries, url: action.url }, changes: [] };
      }
      case "snooze": {
        const { rows, ...snoozed } = await snooze(tx, id, target, {
          minutes: action.minutes,
          now,
          mailboxShards: deps.config.mailboxShards,
        });
        return {
          body: { ...none, action: "snooze", ...snoozed },
          changes: [],
          committed: wake(rows),
        };
      }
      case "complete": {
        const { rows, deliveries } = await complete(runOf(tx), target);
        return {
          body: { ...none, action: "complete", deliveries },
          changes: [],
          committed: wake(rows),
        };
      }
    }
  });
}

/** What an outcome has only where it says so. */
const none = { until: null, url: null };

interface Member {
  id: string;
  recipientId: string;
  leg: string;
  status: DeliveryStatus;
  entityId: string | null;
  /** Its recipient is done with it. */
  completed: boolean;
  /** Its campaign was cancelled, or taken back. */
  over: boolean;
}

const columnOf = (target: ActionTarget) =>
  "group" in target ? (["group_id", target.group] as const) : (["id", target.delivery] as const);

/** Is `w` owed to the same person for the same reason as `m`? */
const sameOwed =
  "w.recipient_id = m.recipient_id AND w.campaign_id IS NOT DISTINCT FROM m.campaign_id AND w.notification_id IS NOT DISTINCT FROM m.notification_id";

const openGroupsSql = (column: string) => `
  SELECT DISTINCT w.group_id AS id FROM deliveries m JOIN deliveries w ON ${sameOwed}
  WHERE m.${column} = $1::uuid AND w.due_at IS NOT NULL AND w.group_id IS NOT NULL`;

const membersSql = `
  SELECT d.id, d.recipient_id AS "recipientId", d.leg, d.status, n.entity_id AS "entityId",
    EXISTS (SELECT FROM events e WHERE e.dedup_key = $2::text || d.id) AS completed,
    coalesce(c.status = 'cancelled' OR c.recalled_at IS NOT NULL, false) AS over
  FROM deliveries d JOIN recipients r ON r.id = d.recipient_id
    LEFT JOIN notifications n ON n.id = d.notification_id LEFT JOIN campaigns c ON c.id = d.campaign_id
  WHERE d.id = ANY($1::uuid[]) AND r.erased_at IS NULL ORDER BY d.id`;

/**
 * The deliveries that are meant, against everything that would change them meanwhile: campaigns that are cancelled or recalled,
 * recipients that are erased, groups and rows, locked in the order in which all do. Two actions on one delivery take turns, so
 * what an earlier one did is read once its lock is held.
 */
async function holdMembers(run: Run, target: ActionTarget): Promise<Member[]> {
  const [column, id] = columnOf(target);
  const seen = await run<{ id: string; recipientId: string; campaignId: string | null }>(
    `SELECT id, recipient_id AS "recipientId", campaign_id AS "campaignId" FROM deliveries WHERE ${column} = $1::uuid`,
    [id],
  );
  const openGroups = await run<{ id: string }>(openGroupsSql(column), [id]);
  const lock = (table: string, strength: string, ids: readonly (string | null)[]) =>
    run(`SELECT FROM ${table} WHERE id = ANY($1::uuid[]) ORDER BY id FOR ${strength}`, [
      [...new Set(ids.flatMap((one) => one ?? []))],
    ]);
  await lock(
    "campaigns",
    "SHARE",
    seen.map(({ campaignId }) => campaignId),
  );
  await lock(
    "recipients",
    "KEY SHARE",
    seen.map(({ recipientId }) => recipientId),
  );
  await lockGroups(
    run,
    openGroups.map((group) => group.id),
  );
  const ids = seen.map((row) => row.id);
  await lock("deliveries", "NO KEY UPDATE", ids);
  const members = await run<Member>(membersSql, [ids, completedKey]);
  if (members.length === 0)
    throw new Problem("expired", "What the link is about is not kept any more.");
  return members;
}

const completedKey = "completed/";

const recordSql = `
  INSERT INTO events (id, kind, delivery_id, recipient_id, data, dedup_key, due_at)
  SELECT uuid_v7(clock_timestamp()), $1::text, e.id, e.recipient_id, e.data, $2::text || e.id, clock_timestamp()
  FROM unnest($3::uuid[], $4::uuid[], $5::text[]::jsonb[]) AS e(id, recipient_id, data)
  ON CONFLICT (dedup_key) DO NOTHING RETURNING delivery_id AS id`;

/** Writes what happened to each delivery, once for each `key`; resolves with those to which it had not happened yet. */
async function record(
  run: Run,
  kind: EventKind,
  key: string,
  happened: readonly (Pick<Member, "id" | "recipientId"> & { data: Record<string, unknown> })[],
): Promise<Set<string>> {
  const rows = await run<{ id: string }>(recordSql, [
    kind,
    key,
    happened.map(({ id }) => id),
    happened.map(({ recipientId }) => recipientId),
    happened.map(({ data }) => JSON.stringify(data)),
  ]);
  return new Set(rows.map(({ id }) => id));
}

const viewersSql = (column: string) => `
  SELECT d.id, r.id AS "recipientId", r.time_zone AS "timeZone", r.preferences, t.id AS "typeId", t.document AS type
  FROM deliveries d JOIN recipients r ON r.id = d.recipient_id
    LEFT JOIN notifications n ON n.id = d.notification_id LEFT JOIN campaigns c ON c.id = d.campaign_id
    LEFT JOIN notification_types t ON t.id = coalesce(n.type_id, c.type_id)
  WHERE d.${column} = $1::uuid AND r.erased_at IS NULL ORDER BY d.id`;

const learnSql = `
  UPDATE recipients SET engaged_hours = ARRAY(
    SELECT coalesce(engaged_hours[hour], 0) + (hour = $2::int + 1)::int FROM generate_series(1, 24) AS hour ORDER BY hour
  ) WHERE id = $1::uuid AND erased_at IS NULL`;

/**
 * Notes that somebody looked, once for each token, and when they did where that may be learnt from. What is not kept any more
 * was not looked at, and is still somewhere to be seen.
 */
async function view(
  tx: Prisma.TransactionClient,
  token: string,
  target: ActionTarget,
  now: Date,
): Promise<number> {
  const run = runOf(tx);
  const [column, id] = columnOf(target);
  const seen = await run<{
    id: string;
    recipientId: string;
    timeZone: string;
    preferences: Preferences | null;
    typeId: string | null;
    type: TypeDefinition | null;
  }>(viewersSql(column), [id]);
  const viewed = seen.map((row) => ({ ...row, data: {} }));
  const fresh = await record(run, "delivery.viewed", `viewed/${token}/`, viewed);
  const [first] = seen;
  if (first === undefined || fresh.size === 0) return seen.length;
  const { learning } = effectivePreferences({
    organisation: (await readPolicy(tx)).policy.preferences,
    // What several types say together is what none of them says.
    type: seen.every(({ typeId }) => typeId === first.typeId)
      ? (first.type?.preferences ?? null)
      : null,
    recipient: first.preferences,
  });
  const hour = Math.floor((localTimeAt(first.timeZone, now.getTime()).minute * minuteMs) / hourMs);
  if (learning) await run(learnSql, [first.recipientId, hour]);
  return seen.length;
}

/** May have arrived: it can come again. */
const comesAgain: readonly DeliveryStatus[] = ["sending", "sent", "delivered", "failed", "unknown"];

/** What waits, and what waits to come again. */
const putOffSql = `
  UPDATE deliveries d SET due_at = $3::timestamptz, reason = 'snoozed', detail = NULL, hold_count = 0, group_id = NULL,
    queue = CASE WHEN d.queue LIKE 'digest/%' THEN $4::text ELSE d.queue END
  FROM (
    SELECT w.id, w.group_id FROM unnest($1::uuid[], $2::text[]) AS named(id, again) JOIN deliveries m ON m.id = named.id
      JOIN deliveries w ON ${sameOwed} AND (w.id = m.id OR w.leg = named.again)
    WHERE w.status = 'pending' ORDER BY w.id FOR NO KEY UPDATE OF w
  ) AS held
  WHERE d.id = held.id RETURNING d.id, d.campaign_id AS "campaignId", d.queue, held.group_id AS "groupId"`;

const againSql = `
  INSERT INTO deliveries (id, campaign_id, notification_id, recipient_id, leg, channel, priority, queue, due_at, reason)
  SELECT uuid_v7(clock_timestamp()), d.campaign_id, d.notification_id, d.recipient_id, named.again, d.channel, d.priority,
    CASE d.priority WHEN 'critical' THEN $5::text ELSE $4::text END, $3::timestamptz, 'snoozed'
  FROM unnest($1::uuid[], $2::text[]) AS named(id, again) JOIN deliveries d ON d.id = named.id ORDER BY d.id
  ON CONFLICT DO NOTHING RETURNING id, campaign_id AS "campaignId", queue`;

/**
 * What waits becomes due then; what was sent comes again then, as a delivery of its own. Of what was put off before, and waits
 * to come again, the last word counts.
 */
async function snooze(
  tx: Prisma.TransactionClient,
  token: string,
  target: ActionTarget,
  { minutes, now, mailboxShards }: { minutes: number; now: Date; mailboxShards: number },
): Promise<{ rows: ChangedRow[]; deliveries: number; until: string }> {
  const run = runOf(tx);
  const members = await holdMembers(run, target);
  const key = `snoozed/${token}/`;
  const before = await run<{ until: string }>(
    "SELECT data->>'until' AS until FROM events WHERE dedup_key = ANY($1::text[])",
    [members.map(({ id }) => `${key}${id}`)],
  );
  if (before[0]) return { rows: [], deliveries: before.length, until: before[0].until };

  const { snoozeMaximumDays } = (await readPolicy(tx)).policy;
  const waitMs = Math.min(minutes * minuteMs, snoozeMaximumDays * dayMs);
  const until = new Date(now.getTime() + waitMs).toISOString();
  const mine = members.filter(
    ({ status, completed, over }) =>
      !completed && !over && (status === "pending" || comesAgain.includes(status)),
  );
  const [first] = mine;
  if (first === undefined)
    throw new Problem(
      "conflict",
      members.every(({ completed }) => completed)
        ? "It is done: it does not come again."
        : "It has been taken back: it does not come again.",
    );
  const shard = shardOf(first.recipientId, mailboxShards);
  const named = (some: readonly Member[]) => [
    some.map(({ id }) => id),
    some.map(({ leg }) => snoozeOf(leg)),
    until,
    queueName({ kind: "mailbox", shard }),
  ];
  const waiting = await run<ChangedRow & { groupId: string | null }>(putOffSql, named(mine));
  await leaveGroups(run, waiting);
  const again = await run<ChangedRow>(againSql, [
    ...named(mine.filter(({ status }) => status !== "pending")),
    queueName({ kind: "critical", shard }),
  ]);
  const rows = [...waiting, ...again];
  if (rows.length === 0) throw new Problem("conflict", "It has come again already.");
  await record(
    run,
    "delivery.snoozed",
    key,
    mine.map((member) => ({ ...member, data: { until } })),
  );
  return { rows, deliveries: mine.length, until };
}

/** Whatever of them still waits, whichever leg it is. */
const cancelSql = `
  UPDATE deliveries d SET status = 'cancelled', reason = 'completed', detail = NULL, due_at = NULL, group_id = NULL,
    lease_token = NULL, lease_until = NULL, finished_at = clock_timestamp()
  FROM (
    SELECT w.id, w.group_id FROM deliveries m JOIN deliveries w ON ${sameOwed}
    WHERE m.id = ANY($1::uuid[]) AND w.status = 'pending' ORDER BY w.id FOR NO KEY UPDATE OF w
  ) AS held
  WHERE d.id = held.id RETURNING d.id, d.campaign_id AS "campaignId", d.queue, held.group_id AS "groupId"`;

/** Tells the outside that it is done, once for each delivery; what was to come is cancelled. */
async function complete(
  run: Run,
  target: ActionTarget,
): Promise<{ rows: ChangedRow[]; deliveries: number }> {
  const members = await holdMembers(run, target);
  const fresh = await record(
    run,
    "delivery.completed",
    completedKey,
    members.map((member) => ({ ...member, data: { entityId: member.entityId } })),
  );
  const rows = await run<ChangedRow & { groupId: string | null }>(cancelSql, [[...fresh]]);
  await leaveGroups(run, rows);
  return { rows, deliveries: members.length };
}
