import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Api, sampleTemplate, seed, startApi } from "./harness.ts";

let api: Api;
beforeAll(async () => {
  api = await startApi();
  await seed(api, 3);
});
afterAll(() => api.stop());

const sent = { template: { key: sampleTemplate.key }, data: { order: "1" } };
const post = (recipients: unknown[], more: object = {}, headers: Record<string, string> = {}) =>
  api.send("POST", "/v1/notifications", { ...sent, ...more, recipients }, headers);
const read = async (externalId: string) =>
  (await api.send("GET", `/v1/recipients/${externalId}`)).body;
const countNotifications = () => api.prisma.notification.count();

describe("recipients within a notification", () => {
  it("are created with it, beside recipients that exist", async () => {
    const profile = {
      externalId: "new-1",
      email: "new-1@example.org",
      phone: "+4915112345678",
      timeZone: "Europe/Berlin",
      locale: "de-AT",
      attributes: { name: "Nora" },
    };
    const { status, body } = await post(["u0", profile]);
    expect([status, body.deliveries]).toEqual([202, 2]);
    expect(await read("new-1")).toMatchObject(profile);
    const { body: notification } = await api.send("GET", `/v1/notifications/${body.id}`);
    expect(notification.deliveries).toHaveLength(2);
  });

  it("are changed in the given fields only, and null clears an address", async () => {
    await post([{ externalId: "u1", attributes: { plan: "pro" } }]);
    expect(await read("u1")).toMatchObject({
      email: "u1@example.org",
      attributes: { name: "N1", plan: "pro" },
    });
    await post([{ externalId: "u1", email: null }]);
    expect(await read("u1")).toMatchObject({ email: null, attributes: { plan: "pro" } });
    const { id } = await read("u1");
    await post([{ id, email: "again@example.org" }]);
    expect((await read("u1")).email).toBe("again@example.org");
  });

  it("get one delivery, however they are named", async () => {
    const { id } = await read("u2");
    const { body } = await post(["u2", id, { externalId: "u2", locale: "fr" }]);
    expect(body.deliveries).toBe(1);
  });

  it("are audited as other changes are: counts, and where messages go now", async () => {
    const reply = await post([
      { externalId: "audited", email: "one@example.org" },
      { externalId: "u2", email: "two@example.org" },
    ]);
    const { body } = await api.send("GET", "/v1/audit?limit=2");
    expect(body.items.map(({ action }: { action: string }) => action).sort()).toEqual([
      "recipient.bulk_upsert",
      "recipient.update",
    ]);
    expect(body.items).toContainEqual(
      expect.objectContaining({
        action: "recipient.bulk_upsert",
        after: { notification: reply.body.id, created: 1, changed: 1, unchanged: 0 },
      }),
    );
  });

  it("are stored once for an idempotency key, and its answer is repeated", async () => {
    const headers = { "idempotency-key": "with-recipients" };
    const recipients = [{ externalId: "keyed", attributes: { visits: 1 } }];
    const first = await post(recipients, {}, headers);
    await api.send("PUT", "/v1/recipients/keyed", { attributes: { visits: 2 } });
    const second = await post(recipients, {}, headers);
    expect(second.body).toEqual(first.body);
    expect(second.headers.get("idempotency-replayed")).toBe("true");
    expect((await read("keyed")).attributes).toEqual({ visits: 2 });
    const other = await post([{ externalId: "other" }], {}, headers);
    expect(other.body.type).toMatch(/key-reused/);
    expect((await api.send("GET", "/v1/recipients/other")).status).toBe(404);
  });

  it("decide held messages again when their time zone changes", async () => {
    await api.send("PUT", "/v1/recipients/mover", { email: "mover@example.org" });
    await post(["mover"]);
    const where = { recipient: { externalId: "mover" } };
    const later = new Date(Date.now() + 86_400_000);
    await api.prisma.openDelivery.updateMany({
      where,
      data: { dueAt: later, reason: "quiet_hours" },
    });
    await post([{ externalId: "mover", timeZone: "Asia/Tokyo" }]);
    const rows = await api.prisma.openDelivery.findMany({ where });
    expect(rows).toHaveLength(2);
    for (const { dueAt } of rows) expect(dueAt!.getTime()).toBeLessThan(later.getTime());
  });

  it("lead to exactly one recipient for simultaneous requests", async () => {
    const replies = await Promise.all(
      Array.from({ length: 8 }, (_, n) =>
        post([{ externalId: "same", attributes: { [`n${n}`]: n } }, { externalId: `own-${n}` }]),
      ),
    );
    expect(replies.map(({ status }) => status)).toEqual(Array(8).fill(202));
    expect(Object.keys((await read("same")).attributes)).toHaveLength(8);
  });
});

describe("nothing of a request is stored", () => {
  const expectNothing = async (
    work: () => Promise<{ status: number; body: unknown }>,
    status: number,
    expected: unknown,
  ) => {
    const before = await countNotifications();
    const reply = await work();
    expect(reply.status).toBe(status);
    expect(reply.body).toMatchObject(expected as object);
    expect((await api.send("GET", "/v1/recipients/never")).status).toBe(404);
    expect(await countNotifications()).toBe(before);
  };
  const never = { externalId: "never" };

  it("if a recipient is not valid, and the error names the index", () =>
    expectNothing(() => post([never, "u0", { externalId: "u1", email: "no address" }]), 422, {
      errors: [{ in: "body", field: "/recipients/2/email" }],
    }));

  it("if a field is unknown", () =>
    expectNothing(() => post([never, { externalId: "u1", mail: "a@example.org" }]), 422, {
      errors: [{ field: "/recipients/1/mail" }],
    }));

  it("if a recipient is named twice with fields", () =>
    expectNothing(() => post([never, "u0", never]), 422, {
      errors: [{ field: "/recipients/2" }],
    }));

  it("if a recipient is named twice with fields, once by each id", async () => {
    const { id } = await read("u0");
    await expectNothing(() => post([never, { externalId: "u0" }, { id }]), 422, {
      errors: [{ field: "/recipients/2" }],
    });
  });

  it("if another recipient does not exist", () =>
    expectNothing(() => post([never, "nobody"]), 422, { errors: [{ field: "/recipients/1" }] }));

  it("if the data are not right, and then only these are at fault", () =>
    expectNothing(() => post([never], { data: {} }), 422, {
      errors: [{ field: "/data/order" }],
    }));

  it("if an id names no recipient", () =>
    expectNothing(() => post([never, { id: "rcp_01jd3v8qyee7fr8xmcsnh5hbcd" }]), 422, {
      errors: [{ field: "/recipients/1/id" }],
    }));

  it("if attributes are too long together with those that are stored", async () => {
    await post([{ externalId: "long", attributes: { one: "x".repeat(10_000) } }]);
    await expectNothing(
      () => post([never, { externalId: "long", attributes: { two: "x".repeat(10_000) } }]),
      422,
      { errors: [{ field: "/recipients/1/attributes" }] },
    );
  });

  it("if a recipient was erased", async () => {
    await post([{ externalId: "gone" }]);
    const { id } = await read("gone");
    expect((await api.send("DELETE", `/v1/recipients/${id}`)).status).toBeLessThan(300);
    await expectNothing(() => post([never, { id, email: "back@example.org" }]), 410, {
      detail: expect.stringContaining("/recipients/1"),
    });
  });

  it("if there are more than a thousand recipients", () =>
    expectNothing(
      () => post([never, ...Array.from({ length: 1_000 }, (_, n) => ({ externalId: `n${n}` }))]),
      422,
      { errors: [{ field: "/recipients" }] },
    ));
});
