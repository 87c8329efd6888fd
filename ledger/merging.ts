import type { Pool, PoolClient } from "pg";
import { inTransaction } from "./transaction.ts";
import { groupDueAt, joinGroup, type Joining, type OpenGroup } from "../domain/policy/batching.ts";
import type { Channel } from "../domain/channel.ts";
import { newUuid } from "../domain/ids.ts";
import type { Priority } from "../domain/priority.ts";
import type { Reason } from "../domain/delivery/reasons.ts";
import type { Versions } from "./ledger.ts";

/** A delivery that is to go out with others. */
export interface Merging extends Versions {
  id: string;
  /** As it was read: a row that moved since then is left alone. */
  readDueAt: Date;
  recipientId: string;
  channel: Channel;
  kind: "batch" | "digest";
  /** Of a batch; a digest takes every type and priority. */
  typeId: string | null;
  priority: Priority | null;
  joining: Joining;
  /** Why its bounds are not what they would be by themselves. */
  adapted: string | null;
  holdCount: number;
  /** Where members wait. */
  queue: string;
  /** It was held back with others: where its group is due at once, it takes its turn among them. */
  released: boolean;
}

export interface Merges {
  /**
   * Puts deliveries into the open groups that they belong to, opening new ones where there is none with a place for them.
   * A group that is full is due at once. All or nothing; the groups' rows are locked, so that no two workers give away the
   * same place.
   */
  merge(rows: readonly Merging[], now: Date): Promise<void>;
}

/** How often it is begun anew when another worker has opened a group in between. */
const tries = 5;

export function createMerges(pool: Pool): Merges {
  return {
    async merge(rows, now) {
      if (rows.length === 0) return;
      for (let attempt = 1; ; attempt++) {
        try {
          return await inTransaction(pool, (client) => mergeOnce(client, rows, now));
        } catch (error) {
          if (!(error instanceof LostRace) || attempt === tries) throw error;
        }
      }
    },
  };
}

class LostRace extends Error {
  override name = "LostRace";
}

interface Group extends OpenGroup {
  /** The delivery that opens it; null where it was open. */
  opener: Merging | null;
}

async function mergeOnce(client: PoolClient, rows: readonly Merging[], now: Date): Promise<void> {
  // Groups before rows, as whoever takes members out does; and a row that somebody is writing has moved, or is about to.
  const open = await openGroups(client, rows);
  const { rows: locked } = await client.query<{ id: string }>({
    name: "lock-merging",
    text: `
      SELECT d.id FROM deliveries d JOIN unnest($1::uuid[], $2::bigint[]) AS m(id, read_ms) ON m.id = d.id
      WHERE d.status = 'pending' AND d.due_at = to_timestamp(m.read_ms / 1000.0) ORDER BY d.id FOR UPDATE OF d SKIP LOCKED`,
    values: [rows.map(({ id }) => id), rows.map(({ readDueAt }) => readDueAt.getTime())],
  });
  const ours = new Set(locked.map(({ id }) => id));
  const merging = rows.filter(({ id }) => ours.has(id));
  const { groups, groupOf } = assignToGroups(merging, open, now.getTime());
  const found = groups.filter(({ opener }) => opener === null);
  const made = groups.flatMap((group) =>
    group.opener === null ? [] : [{ ...group, opener: group.opener }],
  );

  await client.query({
    name: "update-groups",
    text: `
      UPDATE groups g SET status = u.status, member_count = u.member_count, closes_at = to_timestamp(u.closes_ms / 1000.0),
        first_occurs_at = to_timestamp(u.first_ms / 1000.0), last_occurs_at = to_timestamp(u.last_ms / 1000.0)
      FROM unnest($1::uuid[], $2::group_status[], $3::int[], $4::bigint[], $5::bigint[], $6::bigint[]) AS u(id, status, member_count, closes_ms, first_ms, last_ms)
      WHERE g.id = u.id`,
    values: groupColumns(found),
  });
  const { rowCount } = await client.query({
    name: "insert-groups",
    text: `
      INSERT INTO groups (id, kind, recipient_id, type_id, priority, channel, status, member_count, maximum_size, adapted, first_occurs_at, last_occurs_at, closes_at, created_at)
      SELECT u.id, u.kind, u.recipient_id, u.type_id, u.priority, u.channel, u.status, u.member_count, u.maximum_size, u.adapted,
        to_timestamp(u.first_ms / 1000.0), to_timestamp(u.last_ms / 1000.0), to_timestamp(u.closes_ms / 1000.0), $14
      FROM unnest($1::uuid[], $2::group_status[], $3::int[], $4::bigint[], $5::bigint[], $6::bigint[], $7::group_kind[], $8::uuid[], $9::uuid[], $10::priority[], $11::channel[], $12::int[], $13::text[])
        AS u(id, status, member_count, closes_ms, first_ms, last_ms, kind, recipient_id, type_id, priority, channel, maximum_size, adapted)
      ON CONFLICT DO NOTHING`,
    values: [
      ...groupColumns(made),
      made.map(({ opener }) => opener.kind),
      made.map(({ opener }) => opener.recipientId),
      made.map(({ opener }) => opener.typeId),
      made.map(({ opener }) => opener.priority),
      made.map(({ opener }) => opener.channel),
      made.map(({ maximumSize }) => maximumSize),
      made.map(({ opener }) => opener.adapted),
      now,
    ],
  });
  if (rowCount !== made.length) throw new LostRace("another worker has opened the group");

  await client.query({
    name: "join-groups",
    text: `
      UPDATE deliveries d SET group_id = m.group_id, due_at = to_timestamp(m.due_ms / 1000.0), reason = m.reason, hold_count = m.hold_count, queue = m.queue,
        decided_at = $10, policy_version = m.policy_version, type_version = m.type_version, preferences_version = m.preferences_version
      FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::smallint[], $6::text[], $7::int[], $8::int[], $9::int[])
        AS m(id, group_id, due_ms, reason, hold_count, queue, policy_version, type_version, preferences_version)
      WHERE d.id = m.id`,
    values: [
      merging.map(({ id }) => id),
      merging.map((row) => groupOf.get(row)!.id),
      merging.map((row) => dueMsOf(groupOf.get(row)!, now)),
      merging.map((row) => reasonOf(row, dueMsOf(groupOf.get(row)!, now), now)),
      merging.map(({ holdCount }) => holdCount),
      merging.map(({ queue }) => queue),
      merging.map(({ policyVersion }) => policyVersion),
      merging.map(({ typeVersion }) => typeVersion),
      merging.map(({ preferencesVersion }) => preferencesVersion),
      now,
    ],
  });
  // Who joined before goes when the others go.
  await client.query({
    name: "bring-members-forward",
    text: `
      UPDATE deliveries d SET due_at = to_timestamp(g.due_ms / 1000.0)
      FROM unnest($1::uuid[], $2::bigint[]) AS g(id, due_ms)
      WHERE d.group_id = g.id AND d.status = 'pending' AND d.reason IN ('batch', 'digest') AND d.due_at > to_timestamp(g.due_ms / 1000.0)`,
    values: [found.map(({ id }) => id), found.map((group) => dueMsOf(group, now))],
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

/** The open groups of the recipients, by key, locked. */
async function openGroups(
  client: PoolClient,
  among: readonly Merging[],
): Promise<Map<string, Group>> {
  const { rows } = await client.query<GroupRow>({
    name: "open-groups",
    text: `
      SELECT id, recipient_id AS "recipientId", channel, kind, type_id AS "typeId", priority, member_count AS "memberCount", maximum_size AS "maximumSize",
        closes_at AS "closesAt", first_occurs_at AS "firstOccursAt", last_occurs_at AS "lastOccursAt"
      FROM groups WHERE status = 'open' AND recipient_id = ANY($1::uuid[]) ORDER BY id FOR UPDATE`,
    values: [[...new Set(among.map(({ recipientId }) => recipientId))]],
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

/** Which group each delivery joins, and the groups that change, as they are afterwards. */
function assignToGroups(
  merging: readonly Merging[],
  open: Map<string, Group>,
  now: number,
): { groups: Group[]; groupOf: Map<Merging, Group> } {
  const touched = new Set<Group>();
  const groupOf = new Map<Merging, Group>();
  for (const row of merging) {
    const { group, replaced } = joinGroup(open, keyOf(row), row.joining, now, (empty) => ({
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

function groupColumns(groups: readonly Group[]) {
  return [
    groups.map(({ id }) => id),
    groups.map(({ status }) => status),
    groups.map(({ memberCount }) => memberCount),
    groups.map(({ closesAt }) => closesAt),
    groups.map(({ firstOccursAt }) => firstOccursAt),
    groups.map(({ lastOccursAt }) => lastOccursAt),
  ];
}
