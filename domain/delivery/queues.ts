/**
 * A queue is a set of ledger rows that one `deliveryQueue` workflow drains; the id of the workflow is the name of the queue.
 * Names never change once released: rows and running workflows contain them.
 */
export type Queue =
  | { kind: "mailbox"; shard: number }
  | { kind: "critical"; shard: number }
  | { kind: "lane"; campaignId: string; lane: number }
  /** Digests that are due. The others wait in `waitingDigests`, which no workflow drains. */
  | { kind: "digest"; lane: number };

/** The queue in which members of digests wait: a run of the `digest` workflow moves due members into the lanes of digests. */
export const waitingDigests = "digest/waiting";

/** Recipients are spread over shards and lanes by the last byte of their UUID, which is random. It has 256 values. */
export const maxShards = 256;

/** `campaignId` is the public id (`cmp_…`): a queue's name is shown to operators. */
export function queueName(queue: Queue): string {
  switch (queue.kind) {
    case "mailbox":
      return `mailbox/${queue.shard}`;
    case "critical":
      return `critical/${queue.shard}`;
    case "lane":
      return `campaign/${queue.campaignId}/lane/${queue.lane}`;
    case "digest":
      return `digest/lane/${queue.lane}`;
  }
}

/** Parses the name of a queue. Throws on any other text. */
export function parseQueueName(name: string): Queue {
  const shard = /^(mailbox|critical)\/(\d+)$/.exec(name);
  if (shard) return { kind: shard[1] as "mailbox" | "critical", shard: Number(shard[2]) };
  const lane = /^campaign\/(cmp_[a-z0-9]+)\/lane\/(\d+)$/.exec(name);
  if (lane) return { kind: "lane", campaignId: lane[1]!, lane: Number(lane[2]) };
  const digest = /^digest\/lane\/(\d+)$/.exec(name);
  if (digest) return { kind: "digest", lane: Number(digest[1]) };
  throw new Error(`not the name of a queue: ${name}`);
}

/** The lanes of digests, in their order. */
export const digestLaneNames: readonly string[] = Array.from({ length: 4 }, (_, lane) =>
  queueName({ kind: "digest", lane }),
);

/** Whether the queue is a lane of a campaign, which the campaign's workflow drains. */
export const isLane = (queue: string): boolean => queue.startsWith("campaign/");

/** The queues of a campaign's lanes, in their order; `campaignId` is the public id. */
export const laneNames = (campaignId: string, count: number): string[] =>
  Array.from({ length: count }, (_, lane) => queueName({ kind: "lane", campaignId, lane }));

/** The queues of `count` shards, in their order. */
export const shardNames = (kind: "mailbox" | "critical", count: number): string[] =>
  Array.from({ length: count }, (_, shard) => queueName({ kind, shard }));

/** Every queue that may contain deliveries of notifications, for any configured number of shards. */
export const notificationQueues: readonly string[] = [
  ...(["critical", "mailbox"] as const).flatMap((kind) => shardNames(kind, maxShards)),
  waitingDigests,
  ...digestLaneNames,
];

/** The queues of notifications that a workflow drains. */
export const drainedQueues = notificationQueues.filter((queue) => queue !== waitingDigests);

/** The shard or lane of a recipient, from 0 to `count - 1`. The freeze computes the same in SQL. */
export function shardOf(recipientId: string, count: number): number {
  return Number.parseInt(recipientId.slice(-2), 16) % count;
}
