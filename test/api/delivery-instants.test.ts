import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { publicId } from "../../domain/ids.ts";
import { type EngagementKind, recordEngagements } from "../../ledger/engagement.ts";
import { executeOn } from "../../ledger/sql.ts";
import { inTransaction } from "../../ledger/transaction.ts";
import { insertPushDeliveries } from "../support/push-deliveries.ts";
import { type Api, seed, startApi } from "./harness.ts";

let api: Api;
let ids: string[];
let dlv: string[];
const base = Math.ceil(Date.now() / 60_000) * 60_000;
const second = (n: number) => new Date(base + n * 1_000);

const attempted = (n: number) => ({
  provider: "push/fcm",
  attemptStartedAt: second(n * 60 + 1),
  attemptFinishedAt: second(n * 60 + 2),
});

/** A sent, a delivered, a bounced, a failed and a held delivery, each sent a minute after the one before. */
beforeAll(async () => {
  api = await startApi();
  await seed(api, 1);
  const { id: recipientId } = await api.prisma.recipient.findFirstOrThrow();
  ids = await insertPushDeliveries(api, recipientId, {
    statuses: ["sent", "delivered", "failed", "failed", "sent"],
  });
  dlv = ids.map((id) => publicId("delivery", id));
  await api.prisma
    .$executeRaw`UPDATE notifications SET send_at = ${second(0)}, created_at = ${second(0)}`;
  for (const [n, id] of ids.entries())
    await api.prisma.endedDelivery.update({
      where: { id },
      data: {
        createdAt: second(0),
        finishedAt: second(n * 60 + 5),
        ...(n === 2 && { reason: "provider_rejected" }),
        ...(n === 2 && { outcome: "sent", ...attempted(n) }),
        ...(n === 3 && { outcome: "permanent", ...attempted(n) }),
        ...(n === 4 && { holdCount: 2 }),
      },
    });
  const mark = (n: number, kind: EngagementKind, at: number) => ({
    id: ids[n]!,
    kind,
    at: second(at),
    count: 1,
  });
  await inTransaction(api.pool, (client) =>
    recordEngagements(executeOn(client), [
      mark(0, "delivered", 7),
      mark(0, "seen", 8),
      mark(0, "opened", 9),
      mark(0, "clicked", 10),
      mark(4, "opened_by_machine", 250),
    ]),
  );
});
afterAll(() => api.stop());

const at = (n: number) => second(n).toISOString();
const nothing = {
  sentAt: null,
  deliveredAt: null,
  seenAt: null,
  openedAt: null,
  clickedAt: null,
  latencyMs: null,
};

describe("the instants of deliveries", () => {
  it("are in the answer for one, in lists and in exports", async () => {
    const expected = [
      {
        sentAt: at(5),
        deliveredAt: at(7),
        seenAt: at(8),
        openedAt: at(9),
        clickedAt: at(10),
        latencyMs: 5_000,
      },
      { ...nothing, sentAt: at(65), deliveredAt: at(65), latencyMs: 65_000 },
      { ...nothing, sentAt: at(122), latencyMs: 122_000 },
      nothing,
      { ...nothing, sentAt: at(245) },
    ];
    for (const [n, instants] of expected.entries())
      expect((await api.send("GET", `/v1/deliveries/${dlv[n]}`)).body).toMatchObject(instants);
    const pages = [];
    let cursor: string | null = null;
    do {
      const query = `sort=createdAt&limit=2${cursor === null ? "" : `&cursor=${cursor}`}`;
      const { body } = await api.send("GET", `/v1/deliveries?${query}`);
      pages.push(...body.items);
      cursor = body.nextCursor;
    } while (cursor !== null);
    const byId = new Map(pages.map((item) => [item.id, item]));
    for (const [n, instants] of expected.entries())
      expect(byId.get(dlv[n]!)).toMatchObject(instants);
    const lines: string = (await api.send("GET", "/v1/deliveries/export?format=ndjson")).body;
    const exported = lines
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { id: string });
    expect(exported).toHaveLength(5);
    expect(exported.find(({ id }) => id === dlv[0])).toMatchObject(expected[0]!);
    const csv: string = (await api.send("GET", "/v1/deliveries/export?format=csv")).body;
    expect(csv.split("\n")[0]).toContain("sentAt,deliveredAt,seenAt,openedAt,clickedAt,latencyMs");
  });

  it("filter by when messages were sent, also those that bounced later", async () => {
    const found = async (query: string) => {
      const { status, body } = await api.send("GET", `/v1/deliveries?${query}`);
      expect(status).toBe(200);
      return body.items.map(({ id }: { id: string }) => dlv.indexOf(id)).toSorted();
    };
    expect(await found(`sentFrom=${at(0)}`)).toEqual([0, 1, 2, 4]);
    expect(await found(`sentFrom=${at(60)}&sentBefore=${at(123)}`)).toEqual([1, 2]);
    expect(await found(`sentFrom=${at(122)}&sentBefore=${at(123)}&status=failed`)).toEqual([2]);
    expect(await found(`sentBefore=${at(65)}&channel=push`)).toEqual([0]);
    expect(await found(`sentFrom=${at(123)}&status=pending`)).toEqual([]);
    const { body } = await api.send("GET", `/v1/deliveries/count?sentFrom=${at(60)}`);
    expect(body.count).toBe(3);
  });
});
