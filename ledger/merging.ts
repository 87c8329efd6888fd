import type { Pool } from "pg";
import { defineStatement, type Execute, executeOn } from "./sql.ts";
import { inTransaction } from "./transaction.ts";
import {
  groupDueAt,
  joinGroup,
  type JoinRequest,
  type OpenGroup,
} from "../domain/policy/batching.ts";
import type { Channel } from "../domain/channel.ts";
import { newUuid } from "../domain/ids.ts";
import type { Priority } from "../domain/priority.ts";
import type { Reason } from "../domain/delivery/reasons.ts";
import type { Versions } from "./ledger.ts";

/** A delivery that is merged into a group. */
export interface Merging extends Versions {
  id: string;
  /** The due time that was read: a row whose due time has changed since is skipped. */
  readDueAt: Date;
  recipientId: string;
  channel: Channel;
  kind: "batch" | "digest";
  /** The notification type of a batch; a digest contains all types and priorities. */
  typeId: string | null;
  priority: Priority | null;
  joinRequest: JoinRequest;
  /** Why the size and time limits of the group were adapted; null where they were not. */
  adapted: string | null;
  holdCount: number;
  /** The queue in which members wait. */
  queue: string;
  /** Whether the delivery was held together with others: if its group is due at once, it is released in turn with them. */
  released: boolean;
}

export interface Merges {
  /**
   * Adds deliveries to their open groups, and opens new groups where there is none with a free place. A full group is due at once. All changes
   * are one transaction; the rows of the groups are locked, so that two workers do not use the same place.
   */
  merge(rows: readonly Merging[], now: Date): Promise<void>;
}

/** How many times a merge is attempted when another worker opens the same group meanwhile. */
const maxAttempts = 5;

export function createMerges(pool: Pool): Merges {
  return {
    async merge(rows, now) {
      if (rows.length === 0) return;
      for (let attempt = 1; ; attempt++) {
        try {
          return await inTransaction(pool, (client) => mergeOnce(executeOn(client), rows, now));
        } catch (error) {
          if (!(error instanceof LostRace) || attempt === maxAttempts) throw error;
        }
      }
    },
  };
}

class LostRace extends Error {
  override name = "LostRace";
}

interface Group extends OpenGroup {
  /** The delivery that opens the group; null where the group was open before. */
  opener: Merging | null;
}

/** The new state of groups, as one array per column. */
interface GroupColumns {
  ids: readonly string[];
  statuses: readonly string[];
  memberCounts: readonly number[];
  closesMs: readonly number[];
  firstMs: readonly number[];
  lastMs: readonly number[];
}

const lockStatement = defineStatement<
  { ids: readonly string[]; readMs: readonly number[] },
  { id: string }
>(
  `
  SELECT d.id FROM open_deliveries d JOIN unnest(:ids::uuid[], :readMs::bigint[]) AS m(id, read_ms) ON m.id = d.id
  WHERE d.lease_token IS NULL AND d.due_at = to_timestamp(m.read_ms / 1000.0) ORDER BY d.id FOR NO KEY UPDATE OF d SKIP LOCKED`,
  "lock-merging",
);

const updateGroupsStatement = defineStatement<GroupColumns>(
  `
  UPDATE groups g SET status = u.status, member_count = u.member_count, closes_at = to_timestamp(u.closes_ms / 1000.0),
    first_occurs_at = to_timestamp(u.first_ms / 1000.0), last_occurs_at = to_timestamp(u.last_ms / 1000.0)
  FROM unnest(:ids::uuid[], :statuses::group_status[], :memberCounts::int[], :closesMs::bigint[], :firstMs::bigint[], :lastMs::bigint[])
    AS u(id, status, member_count, closes_ms, first_ms, last_ms)
  WHERE g.id = u.id`,
  "update-groups",
);

const insertGroupsStatement = defineStatement<
  GroupColumns & {
    kinds: readonly string[];
    recipientIds: readonly string[];
    typeIds: readonly (string | null)[];
    priorities: readonly (string | null)[];
    channels: readonly Channel[];
    maximumSizes: readonly (number | null)[];
    adapted: readonly (string | null)[];
    now: Date;
  },
  { id: string }
>(
  `
  INSERT INTO groups (id, kind, recipient_id, type_id, priority, channel, status, member_count, maximum_size, adapted, first_occurs_at, last_occurs_at, closes_at, created_at)
  SELECT u.id, u.kind, u.recipient_id, u.type_id, u.priority, u.channel, u.status, u.member_count, u.maximum_size, u.adapted,
    to_timestamp(u.first_ms / 1000.0), to_timestamp(u.last_ms / 1000.0), to_timestamp(u.closes_ms / 1000.0), :now::timestamptz
  FROM unnest(:ids::uuid[], :statuses::group_status[], :memberCounts::int[], :closesMs::bigint[], :firstMs::bigint[], :lastMs::bigint[], :kinds::group_kind[],
      :recipientIds::uuid[], :typeIds::uuid[], :priorities::priority[], :channels::channel[], :maximumSizes::int[], :adapted::text[])
    AS u(id, status, member_count, closes_ms, first_ms, last_ms, kind, recipient_id, type_id, priority, channel, maximum_size, adapted)
  ON CONFLICT DO NOTHING RETURNING id`,
  "insert-groups",
);

const joinStatement = defineStatement<{
  ids: readonly string[];
  groupIds: readonly string[];
  dueMs: readonly number[];
  reasons: readonly Reason[];
  holdCounts: readonly number[];
  queues: readonly string[];
  policyVersions: readonly number[];
  typeVersions: readonly (number | null)[];
  preferencesVersions: readonly number[];
  now: Date;
}>(
  `
  UPDATE open_deliveries d SET group_id = m.group_id, due_at = to_timestamp(m.due_ms / 1000.0), reason = m.reason, hold_count = m.hold_count, queue = m.queue,
    decided_at = :now::timestamptz, policy_version = m.policy_version, type_version = m.type_version, preferences_version = m.preferences_version
  FROM unnest(:ids::uuid[], :groupIds::uuid[], :dueMs::bigint[], :reasons::text[], :holdCounts::smallint[], :queues::text[], :policyVersions::int[],
      :typeVersions::int[], :preferencesVersions::int[])
    AS m(id, group_id, due_ms, reason, hold_count, queue, policy_version, type_version, preferences_version)
  WHERE d.id = m.id`,
  "join-groups",
);

const bringForwardStatement = defineStatement<{ ids: readonly string[]; dueMs: readonly number[] }>(
  `
  UPDATE open_deliveries d SET due_at = to_timestamp(g.due_ms / 1000.0)
  FROM unnest(:ids::uuid[], :dueMs::bigint[]) AS g(id, due_ms)
  WHERE d.group_id = g.id AND d.lease_token IS NULL AND d.reason IN ('batch', 'digest') AND d.due_at > to_timestamp(g.due_ms / 1000.0)`,
  "bring-members-forward",
);

async function mergeOnce(execute: Execute, rows: readonly Merging[], now: Date): Promise<void> {
  // Groups are locked before rows (ledger/groups.ts). A locked row has moved or is about to move, and is skipped.
  const open = await openGroups(execute, rows);
  const locked = await execute(lockStatement, {
    ids: rows.map(({ id }) => id),
    readMs: rows.map(({ readDueAt }) => readDueAt.getTime()),
  });
  const ours = new Set(locked.map(({ id }) => id));
  const merging = rows.filter(({ id }) => ours.has(id));
  const { groups, groupOf } = assignToGroups(merging, open, now.getTime());
  const found = groups.filter(({ opener }) => opener === null);
  await execute(updateGroupsStatement, groupColumns(found));
  await openNewGroups(execute, groups, now);
  await joinGroups(execute, merging, groupOf, now);
  // Earlier members of a group become due together with it.
  await execute(bringForwardStatement, {
    ids: found.map(({ id }) => id),
    dueMs: found.map((group) => dueMsOf(group, now)),
  });
}

/** Writes the new groups. Throws where another worker has opened one of them. */
async function openNewGroups(execute: Execute, groups: readonly Group[], now: Date): Promise<void> {
  const made = groups.flatMap((group) =>
    group.opener === null ? [] : [{ ...group, opener: group.opener }],
  );
  const written = await execute(insertGroupsStatement, {
    ...groupColumns(made),
    kinds: made.map(({ opener }) => opener.kind),
    recipientIds: made.map(({ opener }) => opener.recipientId),
    typeIds: made.map(({ opener }) => opener.typeId),
    priorities: made.map(({ opener }) => opener.priority),
    channels: made.map(({ opener }) => opener.channel),
    maximumSizes: made.map(({ maximumSize }) => maximumSize),
    adapted: made.map(({ opener }) => opener.adapted),
    now,
  });
  if (written.length !== made.length) throw new LostRace("another worker has opened the group");
}

/** Writes the group of each delivery and when it is due with its group. */
async function joinGroups(
  execute: Execute,
  merging: readonly Merging[],
  groupOf: ReadonlyMap<Merging, Group>,
  now: Date,
): Promise<void> {
  const dueMs = merging.map((row) => dueMsOf(groupOf.get(row)!, now));
  await execute(joinStatement, {
    ids: merging.map(({ id }) => id),
    groupIds: merging.map((row) => groupOf.get(row)!.id),
    dueMs,
    reasons: merging.map((row, index) => reasonOf(row, dueMs[index]!, now)),
    holdCounts: merging.map(({ holdCount }) => holdCount),
    queues: merging.map(({ queue }) => queue),
    policyVersions: merging.map(({ policyVersion }) => policyVersion),
    typeVersions: merging.map(({ typeVersion }) => typeVersion),
    preferencesVersions: merging.map(({ preferencesVersion }) => preferencesVersion),
    now,
  });
}

const dueMsOf = (group: Group, now: Date) => groupDueAt(group, now.getTime());

const reasonOf = ({ released, kind }: Merging, dueMs: number, now: Date): Reason =>
  released && dueMs <= now.getTime() ? "smoothed_release" : kind;

const keyOf = (of: Pick<Merging, "recipientId" | "channel" | "kind" | "typeId" | "priority">) =>
  [of.recipientId, of.channel, of.kind, of.typeId, of.priority].join(" ");

interface GroupRow {
  id: string;
  recipientId: string;
  channel: Channel;
  kind: "batch" | "digest";
  typeId: string | null;
  priority: Priority | null;
  memberCount: number;
  maximumSize: number | null;
  closesAt: Date;
  firstOccursAt: Date;
  lastOccursAt: Date;
}

const openGroupsStatement = defineStatement<{ recipientIds: readonly string[] }, GroupRow>(
  `
  SELECT id, recipient_id AS "recipientId", channel, kind, type_id AS "typeId", priority, member_count AS "memberCount", maximum_size AS "maximumSize",
    closes_at AS "closesAt", first_occurs_at AS "firstOccursAt", last_occurs_at AS "lastOccursAt"
  FROM groups WHERE status = 'open' AND recipient_id = ANY(:recipientIds::uuid[]) ORDER BY id FOR UPDATE`,
  "open-groups",
);

/** Locks the open groups of the recipients, and returns them by key. */
async function openGroups(
  execute: Execute,
  among: readonly Merging[],
): Promise<Map<string, Group>> {
  const rows = await execute(openGroupsStatement, {
    recipientIds: [...new Set(among.map(({ recipientId }) => recipientId))],
  });
  return new Map(
    rows.map((row) => [
      keyOf(row),
      {
        id: row.id,
        kind: row.kind,
        status: "open",
        opener: null,
        memberCount: row.memberCount,
        maximumSize: row.maximumSize,
        closesAt: row.closesAt.getTime(),
        firstOccursAt: row.firstOccursAt.getTime(),
        lastOccursAt: row.lastOccursAt.getTime(),
      },
    ]),
  );
}

/** Assigns each delivery to a group. Returns the assignments and the new state of the changed groups. */
function assignToGroups(
  merging: readonly Merging[],
  open: Map<string, Group>,
  now: number,
): { groups: Group[]; groupOf: Map<Merging, Group> } {
  const touched = new Set<Group>();
  const groupOf = new Map<Merging, Group>();
  for (const row of merging) {
    const { group, replaced } = joinGroup(open, keyOf(row), row.joinRequest, now, (empty) => ({
      ...empty,
      id: newUuid(new Date(now)),
      kind: row.kind,
      opener: row,
    }));
    if (replaced) touched.add(replaced);
    touched.add(group);
    groupOf.set(row, group);
  }
  return { groups: [...touched], groupOf };
}

const groupColumns = (groups: readonly Group[]): GroupColumns => ({
  ids: groups.map(({ id }) => id),
  statuses: groups.map(({ status }) => status),
  memberCounts: groups.map(({ memberCount }) => memberCount),
  closesMs: groups.map(({ closesAt }) => closesAt),
  firstMs: groups.map(({ firstOccursAt }) => firstOccursAt),
  lastMs: groups.map(({ lastOccursAt }) => lastOccursAt),
});
