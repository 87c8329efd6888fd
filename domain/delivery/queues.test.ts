import { describe, expect, it } from "vitest";
import { newUuid, publicId } from "../ids.ts";
import {
  digestLaneNames,
  maxShards,
  notificationQueues,
  parseQueueName,
  queueName,
  shardOf,
  type Queue,
  waitingDigests,
} from "./queues.ts";

describe("queues", () => {
  it.each<Queue>([
    { kind: "mailbox", shard: 3 },
    { kind: "critical", shard: 0 },
    { kind: "lane", campaignId: publicId("campaign", newUuid()), lane: 7 },
    { kind: "digest", lane: 3 },
  ])("are parsed from their names: $kind", (queue) => {
    expect(parseQueueName(queueName(queue))).toEqual(queue);
  });

  it.each([
    "",
    "mailbox",
    "mailbox/x",
    "campaign/cmp_1",
    "mailbox/1/2",
    "digest/1",
    waitingDigests,
  ])("refuse any other name: %j", (name) => {
    expect(() => parseQueueName(name)).toThrow("not the name of a queue");
  });

  it("of notifications include every queue for any number of shards", () => {
    for (const queue of ["critical/255", "mailbox/0", waitingDigests, ...digestLaneNames])
      expect(notificationQueues).toContain(queue);
    expect(notificationQueues).toHaveLength(2 * maxShards + 1 + digestLaneNames.length);
  });

  it("receive recipients evenly over any number of shards", () => {
    const counts = new Array<number>(8).fill(0);
    for (let made = 0; made < 8_000; made++) counts[shardOf(newUuid(), 8)]!++;
    expect(Math.min(...counts)).toBeGreaterThan(800);
    expect(shardOf("00000000-0000-7000-8000-0000000000ff", maxShards)).toBe(255);
  });
});
