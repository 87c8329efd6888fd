import type { Pool } from "pg";
import type { Channel } from "../domain/channel.ts";
import type { Reason } from "../domain/delivery/reasons.ts";
import type { Priority } from "../domain/priority.ts";
import { mayHaveArrived, isFree, isStage, sourceRuns } from "./conditions.ts";
import {
  type DueDelivery,
  dueSelection,
  dueTables,
  type DueRow,
  toDueDelivery,
} from "./due-delivery.ts";
import { groupsOf, leaveGroups, lockGroups } from "./groups.ts";
import { defineStatement, type Execute, executeForArrays, executeOn } from "./sql.ts";
import { inTransaction } from "./transaction.ts";

/** The due deliveries of one priority that wait in a queue for one channel. */
export interface WaitingList {
  channel: Channel;
  priority: Priority;
  /** The place after which to continue; null for the beginning. */
  after: { dueMs: number; id: string } | null;
}

/** What was found in a part of a waiting list. */
interface FoundPart extends WaitingList {
  /** The place after this part; null if it was the last one. */
  after: WaitingList["after"];
  /** The deliveries that may go on on another channel, as far as their rows show: at most 1,000. */
  ids: string[];
  /** Whether there may be more of them. */
  hasMore: boolean;
  /** When the next delivery of the list is due that is not due yet, in milliseconds since the epoch; null if there is none. */
  nextDueMs: number | null;
}

/** A delivery that goes on on another channel, because its own is out of service. */
export interface Diversion {
  delivery: Pick<DueDelivery, "id" | "channel" | "dueAt" | "group">;
  /** The channel on which it goes on. */
  next: Channel;
  /** The channels that it leaves because they are out of service, its own first, and since when they are. */
  left: readonly { channel: Channel; outSince: Date }[];
}

/** Moves deliveries away from channels that are out of service. */
export interface Diversions {
  /**
   * Looks through up to 1,000 due deliveries of each list, and through the next 1,000 for those that only wait for another attempt. It returns
   * no delivery under the guarantee `at_most_once` that may have arrived.
   */
  find(queue: string, lists: readonly WaitingList[]): Promise<FoundPart[]>;
  /** Reads those of the deliveries that may still leave their channel and are not claimed, or whose hand-over was interrupted. */
  read(ids: readonly string[]): Promise<DueDelivery[]>;
  /**
   * Makes deliveries due on their next channels, with all their attempts, and records the outages. Deliveries that have changed since they were
   * read stay as they are. They leave their groups.
   * @returns the ids of the deliveries that were moved
   */
  divert(diversions: readonly Diversion[]): Promise<string[]>;
}

/** The number of deliveries of a list that one statement looks at. */
const listRows = 1_000;

const numberOfStage = (d: string) =>
  `CASE ${d}.leg WHEN 'primary' THEN '0' ELSE right(${d}.leg, 1) END`;

/** Whether the stage of a delivery with a route has several channels. */
const hasOtherChannels = (d: string) => `EXISTS (
  SELECT FROM routes AS t, LATERAL (SELECT t.document #> ARRAY['stages', ${numberOfStage(d)}, 'via'] AS channels) AS via
  WHERE t.id = ${d}.route_id AND CASE jsonb_typeof(via.channels) WHEN 'array' THEN jsonb_array_length(via.channels) > 1 ELSE true END
)`;

/** Whether the message of a delivery may have arrived and must not be repeated. */
const mustNotRepeat = (d: string) =>
  `(${mayHaveArrived(d)} AND EXISTS (SELECT FROM campaigns AS c WHERE c.id = ${d}.campaign_id AND c.guarantee = 'at_most_once'))`;

/** Whether a delivery that is due may go on on another channel, as far as its row shows. */
const fits = (d: string) =>
  `(${d}.route_id IS NOT NULL AND ${isStage(d)} AND ${isFree(d, "clock.now")} AND ${sourceRuns(d)} AND ${hasOtherChannels(d)} AND NOT ${mustNotRepeat(d)})`;

/** Why a delivery that is not due yet waits for its channel, and for nothing else. */
const waitsForChannel = (
  ["retry", "provider_unavailable", "provider_rate", "sender_refused"] satisfies Reason[]
)
  .map((reason) => `'${reason}'`)
  .join(", ");

/**
 * Whether a delivery may leave its channel at the instant `now`. The repeat of a message that may have arrived keeps its time.
 */
const mayLeave = (d: string, now: string) =>
  `(${d}.due_at <= ${now} OR ${d}.reason IN (${waitsForChannel}) AND NOT ${mayHaveArrived(d)})`;

const findStatement = defineStatement<
  {
    queue: string;
    channels: readonly Channel[];
    priorities: readonly Priority[];
    afterDueMs: readonly (number | null)[];
    afterIds: readonly (string | null)[];
  },
  {
    channel: Channel;
    priority: Priority;
    ids: string[];
    upcoming: string[];
    count: number;
    lastDueMs: number;
    lastId: string;
    nextDueMs: number | null;
  }
>(
  `
  WITH clock AS MATERIALIZED (SELECT ledger_now() AS now)
  SELECT l.channel, l.priority, part.*, next.*
  FROM clock CROSS JOIN unnest(:channels::channel[], :priorities::priority[], :afterDueMs::float8[], :afterIds::uuid[]) AS l(channel, priority, due_ms, id)
  CROSS JOIN LATERAL (
    SELECT count(*)::int AS count, coalesce(array_agg(o.id) FILTER (WHERE o.fits), '{}') AS ids,
      (extract(epoch FROM max(o.due_at)) * 1000)::float8 AS "lastDueMs", (array_agg(o.id ORDER BY o.due_at DESC, o.id DESC))[1] AS "lastId"
    FROM (
      SELECT o.id, o.due_at, ${fits("o")} AS fits FROM open_deliveries o
      WHERE o.queue = :queue AND o.channel = l.channel AND o.priority = l.priority AND o.due_at <= clock.now
        AND (o.due_at, o.id) > (coalesce(to_timestamp(l.due_ms / 1000.0), '-infinity'), coalesce(l.id, '00000000-0000-0000-0000-000000000000'))
      ORDER BY o.due_at, o.id LIMIT ${listRows}
    ) AS o
  ) AS part
  CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(o.id) FILTER (WHERE o.fits), '{}') AS upcoming, (extract(epoch FROM min(o.due_at)) * 1000)::float8 AS "nextDueMs"
    FROM (
      SELECT o.id, o.due_at, ${mayLeave("o", "clock.now")} AND ${fits("o")} AS fits FROM open_deliveries o
      WHERE o.queue = :queue AND o.channel = l.channel AND o.priority = l.priority AND o.due_at > clock.now
      ORDER BY o.due_at, o.id LIMIT ${listRows}
    ) AS o
  ) AS next`,
  "find-diversions",
);

const readStatement = defineStatement<{ ids: readonly string[] }, DueRow>(
  `
  WITH clock AS MATERIALIZED (SELECT ledger_now() AS now),
  due AS (SELECT o.* FROM open_deliveries o, clock WHERE o.id = ANY(:ids::uuid[]) AND ${mayLeave("o", "clock.now")} AND ${isFree("o", "clock.now")})
  SELECT ${dueSelection} FROM ${dueTables} ORDER BY d.due_at, d.id`,
  "read-diversions",
);

const divertStatement = defineStatement<
  {
    ids: readonly string[];
    readDueMs: readonly number[];
    from: readonly Channel[];
    next: readonly Channel[];
    leftIds: readonly string[];
    leftChannels: readonly Channel[];
    leftSinceMs: readonly number[];
  },
  { id: string }
>(
  `
  WITH clock AS MATERIALIZED (SELECT ledger_now()::timestamptz(3) AS now),
  gone AS MATERIALIZED (
    SELECT * FROM unnest(:leftIds::uuid[], :leftChannels::channel[], :leftSinceMs::bigint[]) WITH ORDINALITY AS g(id, channel, since_ms, place)
  ),
  wanted AS MATERIALIZED (
    SELECT * FROM unnest(:ids::uuid[], :readDueMs::bigint[], :from::channel[], :next::channel[]) AS m(id, read_ms, channel, next)
  ),
  -- Who has locked a delivery changes it. Waiting for them could end in a deadlock with a claim, which locks in another order.
  free AS MATERIALIZED (
    SELECT d.id FROM open_deliveries d JOIN wanted m USING (id)
    WHERE d.channel = m.channel AND d.lease_token IS NULL AND d.due_at = to_timestamp(m.read_ms / 1000.0)
    FOR UPDATE OF d SKIP LOCKED
  ),
  diverted AS (
    UPDATE open_deliveries d SET channel = m.next, reason = '${"next_channel" satisfies Reason}', due_at = clock.now, forgiven_count = d.attempt_count, group_id = NULL,
      failed_channels = d.failed_channels || ARRAY(SELECT g.channel FROM gone AS g WHERE g.id = m.id ORDER BY g.place)
    FROM wanted m, clock
    WHERE d.id = m.id AND d.id IN (SELECT id FROM free)
    RETURNING d.id
  ),
  -- An operator's retry lets a delivery try the channel once more.
  recorded AS (
    INSERT INTO diversions (delivery_id, channel, out_since, diverted_at)
    SELECT g.id, g.channel, to_timestamp(g.since_ms / 1000.0), clock.now FROM gone AS g JOIN diverted USING (id) CROSS JOIN clock
    ON CONFLICT (delivery_id, channel) DO UPDATE SET out_since = excluded.out_since, diverted_at = excluded.diverted_at
  )
  SELECT id FROM diverted`,
  "divert",
);

export function createDiversions(pool: Pool): Diversions {
  const divert = async (execute: Execute, diversions: readonly Diversion[]) => {
    const left = diversions.flatMap((one) =>
      one.left.map((gone) => ({ id: one.delivery.id, ...gone })),
    );
    const rows = await execute(divertStatement, {
      ids: diversions.map(({ delivery }) => delivery.id),
      readDueMs: diversions.map(({ delivery }) => delivery.dueAt.getTime()),
      from: diversions.map(({ delivery }) => delivery.channel),
      next: diversions.map(({ next }) => next),
      leftIds: left.map(({ id }) => id),
      leftChannels: left.map(({ channel }) => channel),
      leftSinceMs: left.map(({ outSince }) => outSince.getTime()),
    });
    return rows.map(({ id }) => id);
  };

  return {
    async find(queue, lists) {
      const rows = await executeOn(pool)(findStatement, {
        queue,
        channels: lists.map(({ channel }) => channel),
        priorities: lists.map(({ priority }) => priority),
        afterDueMs: lists.map(({ after }) => after?.dueMs ?? null),
        afterIds: lists.map(({ after }) => after?.id ?? null),
      });
      return rows.map(({ channel, priority, nextDueMs, ...row }) => {
        const after = row.count === listRows ? { dueMs: row.lastDueMs, id: row.lastId } : null;
        const all = [...row.ids, ...row.upcoming];
        const hasMore = after !== null || all.length > listRows;
        return { channel, priority, after, ids: all.slice(0, listRows), hasMore, nextDueMs };
      });
    },

    async read(ids) {
      return (await executeForArrays(pool)(readStatement, { ids })).map(toDueDelivery);
    },

    async divert(diversions) {
      if (diversions.length === 0) return [];
      const members = diversions.map(({ delivery }) => ({ groupId: delivery.group?.id ?? null }));
      const groups = groupsOf(members);
      if (groups.length === 0) return divert(executeOn(pool), diversions);
      return inTransaction(pool, async (client) => {
        const execute = executeOn(client);
        await lockGroups(execute, groups);
        const ids = await divert(execute, diversions);
        await leaveGroups(execute, members);
        return ids;
      });
    },
  };
}
