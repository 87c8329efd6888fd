import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { newUuid } from "../../domain/ids.ts";
import {
  type Engagement,
  type EngagementKind,
  engagementsNow,
  recordEngagements,
} from "../../ledger/engagement.ts";
import { erasePerson } from "../../ledger/erasure.ts";
import { type Execute, executeOn } from "../../ledger/sql.ts";
import { inTransaction } from "../../ledger/transaction.ts";
import { addHits, judgeDueHits } from "../../ledger/tracking-hits.ts";
import { insertPushDeliveries } from "../support/push-deliveries.ts";
import { type Api, seed, startApi } from "./harness.ts";

let api: Api;
let recipientId: string;
let otherId: string;
beforeAll(async () => {
  api = await startApi();
  await seed(api, 2);
  const recipients = await api.prisma.recipient.findMany({ orderBy: { externalId: "asc" } });
  [recipientId, otherId] = recipients.map(({ id }) => id) as [string, string];
});
afterAll(() => api.stop());
beforeEach(async () => {
  await api.prisma
    .$executeRaw`TRUNCATE open_deliveries, ended_deliveries, notifications, groups, engagements CASCADE`;
});

const record = (engagements: readonly Engagement[], recipient: string | null = null) =>
  inTransaction(api.pool, (client) => recordEngagements(executeOn(client), engagements, recipient));
const at = (second: number) => new Date(Date.UTC(2026, 5, 1, 12, 0, second));
const mark = (id: string, kind: EngagementKind, second: number): Engagement => ({
  id,
  kind,
  at: at(second),
  count: 1,
});

describe("engagements", () => {
  it("keep the first instant of each kind, include what it proves, and count each open and click", async () => {
    const [id] = await insertPushDeliveries(api, recipientId);
    const first = await record([mark(id!, "opened", 5), mark(id!, "opened", 3)]);
    expect(first.map(({ kind }) => kind).toSorted()).toEqual(["opened", "read", "seen"]);
    expect(await record([mark(id!, "opened", 1)])).toEqual([]);
    expect(await record([mark(id!, "clicked", 7)])).toEqual([{ id, recipientId, kind: "clicked" }]);
    await record([{ ...mark(id!, "opened_by_machine", 2), count: 4 }]);
    expect(await api.prisma.engagement.findMany()).toMatchObject([
      {
        deliveryId: id,
        seenAt: at(3),
        readAt: at(3),
        openedAt: at(3),
        clickedAt: at(7),
        openedByMachineAt: at(2),
        clickedByMachineAt: null,
        opens: 3,
        clicks: 1,
        machineOpens: 4,
        machineClicks: 0,
      },
    ]);
  });

  it("of a group are those of the members that went out with it", async () => {
    const groupId = newUuid();
    const statuses = ["sent", "failed", "sent", "cancelled"] as const;
    const ids = await insertPushDeliveries(api, recipientId, { statuses, groupId });
    const found = await record([mark(groupId, "complained", 0)]);
    expect(found.map(({ id }) => id).toSorted()).toEqual([ids[0]!, ids[2]!].toSorted());
  });

  it("are new once, however many transactions record them at the same time", async () => {
    const ids = await insertPushDeliveries(api, recipientId, { statuses: ["sent", "sent"] });
    const found = await Promise.all(
      Array.from({ length: 8 }, (_, n) =>
        record((n % 2 ? ids : ids.toReversed()).map((id) => mark(id, "opened", n))),
      ),
    );
    expect(found.flat().filter(({ kind }) => kind === "opened")).toHaveLength(2);
    expect(await api.prisma.engagement.findMany()).toMatchObject([{ opens: 8 }, { opens: 8 }]);
  });

  it("are recorded only of the recipient who is named, and of none who was erased", async () => {
    const [id] = await insertPushDeliveries(api, recipientId);
    expect(await record(engagementsNow([id!, newUuid()], "read"), otherId)).toEqual([]);
    const [erased] = await insertPushDeliveries(api, otherId);
    await api.send("DELETE", `/v1/recipients/u1`);
    expect(await record(engagementsNow([erased!], "read"))).toEqual([]);
    expect(await api.prisma.engagement.findMany()).toEqual([]);
  });

  it("that are recorded in the instant of an erasure are erased with it, whichever comes first", async () => {
    const waits = async () =>
      (
        await api.pool.query(
          "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
        )
      ).rowCount;
    for (const isFirst of [true, false]) {
      const externalId = `engaged-first-${isFirst}`;
      const { status } = await api.send("PUT", `/v1/recipients/${externalId}`, {
        email: `${externalId}@example.org`,
      });
      expect(status).toBe(201);
      const { id: personId } = await api.prisma.recipient.findFirstOrThrow({
        where: { externalId },
      });
      const [id] = await insertPushDeliveries(api, personId);
      const engage = (execute: Execute) =>
        recordEngagements(execute, engagementsNow([id!], "opened"));
      const erase = (execute: Execute) => erasePerson(execute, { id: personId }, new Date());
      const [first, second]: ((execute: Execute) => Promise<unknown>)[] = isFirst
        ? [engage, erase]
        : [erase, engage];
      let following: Promise<unknown> = Promise.resolve();
      await inTransaction(api.pool, async (client) => {
        await first!(executeOn(client));
        following = inTransaction(api.pool, (other) => second!(executeOn(other)));
        await expect.poll(waits).toBe(1);
      });
      await following;
      expect(await api.prisma.engagement.findMany()).toEqual([]);
      const left = { where: { recipientId: personId } };
      expect(await api.prisma.recipientEngagement.findMany(left)).toEqual([]);
    }
  });

  it("by links wait for an erasure without holding their hits, and are not lost if it is undone", async () => {
    const [id] = await insertPushDeliveries(api, recipientId);
    await addHits(executeOn(api.pool), [
      { message: { delivery: id! }, kind: "open", link: null, atMs: Date.now(), suspicion: null },
    ]);
    await api.prisma.$executeRaw`UPDATE engagement_events SET due_at = now() - interval '1 second'`;
    await inTransaction(api.pool, async (client) => {
      await client.query("SELECT FROM recipients WHERE id = $1 FOR UPDATE", [recipientId]);
      expect(await judgeDueHits(api.pool)).toBe(false);
      expect(await api.prisma.engagementEvent.count()).toBe(1);
    });
    await judgeDueHits(api.pool);
    expect(await api.prisma.engagementEvent.count()).toBe(0);
    expect(await api.prisma.engagement.count()).toBe(1);
  });
});
