import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { newUuid } from "../../domain/ids.ts";
import { type ActionTarget, createTokens } from "../../domain/tokens.ts";
import { insertPushDeliveries } from "../support/push-deliveries.ts";
import { type Api, seed, startApi, tokenSecret } from "./harness.ts";

const origin = "https://app.example.org";

let api: Api;
let recipientId: string;
beforeAll(async () => {
  api = await startApi({ config: { corsOrigins: [origin] } });
  await seed(api, 2);
  const u0 = await api.prisma.recipient.findUniqueOrThrow({ where: { externalId: "u0" } });
  recipientId = u0.id;
});
afterAll(() => api.stop());
beforeEach(async () => {
  await api.prisma
    .$executeRaw`TRUNCATE open_deliveries, ended_deliveries, notifications, groups, engagements CASCADE`;
});

const tokens = createTokens([tokenSecret]);
const tokenOf = (target: ActionTarget, { epoch = 0, expiresAt = Date.now() + 3_600_000 } = {}) =>
  tokens.signReceiptToken({ target, epoch, expiresAt: new Date(expiresAt) });

async function report(token: string, event: unknown, headers: Record<string, string> = {}) {
  const response = await api.app.request(`/r/${token}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ event }),
  });
  return { status: response.status, headers: response.headers };
}

const statusesOf = async (ids: readonly string[]) =>
  (
    await api.prisma.endedDelivery.findMany({
      where: { id: { in: [...ids] } },
      orderBy: { id: "asc" },
    })
  ).map(({ status }) => status);
const engagements = () => api.prisma.engagement.findMany({ orderBy: { deliveryId: "asc" } });

describe("POST /r/{token}", () => {
  it("makes a delivery that was sent delivered and seen, and read once it is clicked", async () => {
    const [id] = await insertPushDeliveries(api, recipientId);
    const token = await tokenOf({ delivery: id! });
    expect((await report(token, "shown")).status).toBe(204);
    expect(await statusesOf([id!])).toEqual(["delivered"]);
    const [seen] = await engagements();
    expect(seen).toMatchObject({
      deliveryId: id,
      recipientId,
      deliveredAt: expect.any(Date),
      seenAt: expect.any(Date),
      readAt: null,
      actedAt: null,
    });
    for (const event of ["shown", "closed"]) await report(token, event);
    expect(await engagements()).toEqual([seen]);
    await report(token, "clicked");
    await report(token, "clicked");
    expect(await engagements()).toEqual([{ ...seen, readAt: expect.any(Date) }]);
    expect(await statusesOf([id!])).toEqual(["delivered"]);
  });

  it("of a group is about all its deliveries, and changes only those that were sent", async () => {
    const groupId = newUuid();
    const statuses = ["sent", "failed", "sent", "unknown", "cancelled"] as const;
    const ids = await insertPushDeliveries(api, recipientId, { statuses, groupId });
    const [other] = await insertPushDeliveries(api, recipientId);
    expect((await report(await tokenOf({ group: groupId }), "closed")).status).toBe(204);
    const rows = await api.prisma.endedDelivery.findMany();
    const statusOf = (id: string) => rows.find((row) => row.id === id)!.status;
    expect(ids.map(statusOf)).toEqual(["delivered", "failed", "delivered", "unknown", "cancelled"]);
    expect(statusOf(other!)).toBe("sent");
    // Members that did not go out with the message were not seen.
    const out = ids.filter((_, n) => ["sent", "unknown"].includes(statuses[n]!));
    expect((await engagements()).map(({ deliveryId }) => deliveryId)).toEqual(out.toSorted());
  });

  it("is one engagement, however many devices report at once", async () => {
    const [id] = await insertPushDeliveries(api, recipientId);
    const token = await tokenOf({ delivery: id! });
    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, n) => report(token, n % 2 === 0 ? "shown" : "clicked")),
    );
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([204]));
    expect(await engagements()).toMatchObject([{ readAt: expect.any(Date) }]);
  });

  it("refuses tokens that are not for receipts, are old or revoked, and other events", async () => {
    const [id] = await insertPushDeliveries(api, recipientId);
    const target = { delivery: id! };
    const expiresAt = new Date(Date.now() + 3_600_000);
    const complete = { action: "complete" } as const;
    const action = await tokens.signActionToken({ target, action: complete, expiresAt });
    const mine = await tokens.signRecipientToken({ recipientId, purposes: ["push"], expiresAt });
    const good = await tokenOf(target);
    for (const [what, token, status] of [
      ["an action", action, 404],
      ["a recipient", mine, 404],
      ["changed", `${good.slice(0, -2)}AA`, 404],
      ["nonsense", "x", 404],
      ["not a token", "a%20b", 422],
      ["expired", await tokenOf(target, { expiresAt: Date.now() - 1_000 }), 410],
      ["revoked", await tokenOf(target, { epoch: 7 }), 410],
      ["unknown", await tokenOf({ delivery: newUuid() }), 410],
    ] as const)
      expect([what, (await report(token, "shown")).status]).toEqual([what, status]);
    for (const event of ["opened", null, undefined])
      expect((await report(good, event)).status).toBe(422);
    expect(await statusesOf([id!])).toEqual(["sent"]);
    expect(await engagements()).toEqual([]);
  });

  it("records nothing of an erased recipient", async () => {
    const { id: other } = await api.prisma.recipient.findUniqueOrThrow({
      where: { externalId: "u1" },
    });
    const [id] = await insertPushDeliveries(api, other);
    await api.send("DELETE", "/v1/recipients/u1");
    expect((await report(await tokenOf({ delivery: id! }), "shown")).status).toBe(410);
    expect(await engagements()).toEqual([]);
  });

  it("limits how often one message is reported about", async () => {
    const [id] = await insertPushDeliveries(api, recipientId);
    const token = await tokenOf({ delivery: id! });
    const statuses: number[] = [];
    for (let n = 0; n < 125; n++) statuses.push((await report(token, "shown")).status);
    expect(statuses.indexOf(429)).toBe(120);
    expect((await report(token, "shown")).headers.get("retry-after")).toMatch(/^\d+$/);
  });

  it("may be sent by service workers of the configured origins only", async () => {
    const preflight = async (from: string) =>
      api.app.request("/r/x", {
        method: "OPTIONS",
        headers: {
          origin: from,
          "access-control-request-method": "POST",
          "access-control-request-headers": "content-type",
        },
      });
    expect((await preflight(origin)).headers.get("access-control-allow-origin")).toBe(origin);
    const other = await preflight("https://evil.example");
    expect(other.headers.get("access-control-allow-origin")).toBeNull();
  });
});
