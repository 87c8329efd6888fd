import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { newUuid, parsePublicId, publicId } from "../../domain/ids.ts";
import { addItems } from "../support/inbox.ts";
import { type Api, seed, startApi } from "./harness.ts";

let api: Api;
const people: Record<string, { id: string; token: string }> = {};
beforeAll(async () => {
  api = await startApi();
  await seed(api, 3);
  for (const name of ["u0", "u1", "u2"]) {
    const { id } = await api.prisma.recipient.findUniqueOrThrow({ where: { externalId: name } });
    const { body } = await api.send("POST", `/v1/recipients/${name}/tokens`, {
      purposes: ["inbox"],
    });
    people[name] = { id, token: body.token };
  }
});
beforeEach(() => api.pool.query("TRUNCATE inbox_items, engagements"));
afterAll(() => api.stop());

const as = (name: string, method: string, path: string, body?: unknown) =>
  api.send(method, `/v1/me/inbox${path}`, body, {
    authorization: `Bearer ${people[name]!.token}`,
  });
const idsOf = ({ body }: { body: { items: { id: string }[] } }) => body.items.map(({ id }) => id);
const add = (name: string, count: number, settings = {}) =>
  addItems(api.pool, people[name]!.id, count, { announced: false, ...settings });

describe("GET /v1/me/inbox", () => {
  it("has the recipient's own items, newest first, with the counts", async () => {
    const ids = await add("u0", 3, {
      actions: [{ action: "view", label: "Open", url: "https://a.example/" }],
    });
    await add("u1", 2);
    const { status, body, headers } = await as("u0", "GET", "");
    expect([status, headers.get("cache-control")]).toEqual([200, "no-store"]);
    expect(body).toMatchObject({ nextCursor: null, counts: { unseen: 3, unread: 3 } });
    expect(body.items.map(({ id }: { id: string }) => id)).toEqual(ids.toReversed());
    expect(body.items[0]).toEqual({
      id: ids[2],
      type: "task.deadline",
      category: null,
      title: "Item 2",
      body: "A body",
      url: null,
      actions: [{ action: "view", label: "Open", url: "https://a.example/" }],
      priority: "normal",
      createdAt: expect.any(String) as string,
      seenAt: null,
      readAt: null,
      archivedAt: null,
      expiresAt: null,
    });
  });

  it("turns pages without a gap or a repeat while items arrive", async () => {
    const ids = await add("u0", 25);
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const { body } = await as("u0", "GET", `?limit=10${cursor ? `&cursor=${cursor}` : ""}`);
      seen.push(...idsOf({ body }));
      cursor = body.nextCursor;
      await add("u0", 3);
    } while (cursor);
    expect(seen).toEqual(ids.toReversed());
  });

  it("has an item that was held on top, whatever the time of its message", async () => {
    const [first] = await add("u0", 1);
    const [held] = await add("u0", 1, { id: newUuid(new Date(Date.now() - 3_600_000)) });
    expect(held! < first!).toBe(true);
    expect(idsOf(await as("u0", "GET", ""))).toEqual([held, first]);
    const top = await as("u0", "GET", "?limit=1");
    expect(idsOf(top)).toEqual([held]);
    const rest = await as("u0", "GET", `?limit=1&cursor=${top.body.nextCursor}`);
    expect([idsOf(rest), rest.body.nextCursor]).toEqual([[first], null]);
  });

  it("ends where retention has removed the item of the cursor, and with it all older ones", async () => {
    const ids = await add("u0", 3);
    const { body } = await as("u0", "GET", "?limit=1");
    await api.pool.query("DELETE FROM inbox_items WHERE id = $1", [
      parsePublicId("inboxItem", ids[2]!),
    ]);
    const next = await as("u0", "GET", `?limit=1&cursor=${body.nextCursor}`);
    expect([next.status, idsOf(next)]).toEqual([200, []]);
  });

  it("filters by state and category, and leaves expired items out", async () => {
    const [plain] = await add("u0", 1);
    const [order] = await add("u0", 1, { category: "orders" });
    await add("u0", 1, { expiresAt: new Date(Date.now() - 1_000) });
    const [later] = await add("u0", 1, { expiresAt: new Date(Date.now() + 3_600_000) });
    const [archived, read] = await add("u0", 2);
    await as("u0", "PATCH", `/${archived}`, { archived: true });
    await as("u0", "PATCH", `/${read}`, { read: true });
    expect(idsOf(await as("u0", "GET", ""))).toEqual([read, later, order, plain]);
    expect(idsOf(await as("u0", "GET", "?state=unread"))).toEqual([later, order, plain]);
    expect(idsOf(await as("u0", "GET", "?state=archived"))).toEqual([archived]);
    expect(idsOf(await as("u0", "GET", "?category=orders"))).toEqual([order]);
    expect((await as("u0", "GET", "/counts")).body).toEqual({ unseen: 3, unread: 3 });
  });

  it("counts up to 100", async () => {
    await add("u0", 130);
    expect((await as("u0", "GET", "/counts")).body).toEqual({ unseen: 100, unread: 100 });
    expect((await as("u2", "GET", "/counts")).body).toEqual({ unseen: 0, unread: 0 });
  });

  it("refuses what it does not know", async () => {
    for (const query of ["?state=open", "?limit=0", "?cursor=x", "?recipient=u1", "?category="])
      expect([query, (await as("u0", "GET", query)).status]).toEqual([query, 422]);
  });
});

describe("PATCH /v1/me/inbox/{id}", () => {
  it("marks an item, and keeps the first time of each", async () => {
    const [id] = await add("u0", 1);
    const seen = await as("u0", "PATCH", `/${id}`, { seen: true });
    expect(seen.body).toMatchObject({ id, readAt: null });
    expect(seen.body.seenAt).not.toBeNull();
    const read = await as("u0", "PATCH", `/${id}`, { read: true, archived: true });
    expect(read.body.seenAt).toBe(seen.body.seenAt);
    const again = await as("u0", "PATCH", `/${id}`, { read: true });
    expect(again.body).toEqual(read.body);
    const unread = await as("u0", "PATCH", `/${id}`, { read: false, archived: false });
    expect(unread.body).toEqual({ ...read.body, readAt: null, archivedAt: null });
  });

  it("is a 404 for items of others and for ids of nothing, and changes nothing", async () => {
    const [id] = await add("u1", 1);
    for (const other of [id!, publicId("inboxItem", newUuid()), "inb_1", "dlv_x"]) {
      const { status } = await as("u0", "PATCH", `/${other}`, { read: true });
      expect([other, status]).toEqual([other, 404]);
    }
    expect((await as("u1", "GET", "/counts")).body).toEqual({ unseen: 1, unread: 1 });
  });

  it("refuses a body without a change", async () => {
    const [id] = await add("u0", 1);
    for (const body of [{}, { seen: false }, { read: "yes" }, { title: "x" }])
      expect([body, (await as("u0", "PATCH", `/${id}`, body)).status]).toEqual([body, 422]);
  });
});

describe("POST /v1/me/inbox/read-all and seen-all", () => {
  it("mark the items up to one, and leave later ones and those of others", async () => {
    const ids = await add("u0", 5);
    await add("u1", 2);
    const { body } = await as("u0", "POST", "/seen-all", { upTo: ids[3] });
    expect(body).toEqual({ changed: 4, counts: { unseen: 1, unread: 5 } });
    const read = await as("u0", "POST", "/read-all", { upTo: ids[2] });
    expect(read.body).toEqual({ changed: 3, counts: { unseen: 1, unread: 2 } });
    expect((await as("u0", "POST", "/read-all", { upTo: ids[2] })).body.changed).toBe(0);
    expect(idsOf(await as("u0", "GET", "?state=unread"))).toEqual([ids[4], ids[3]]);
    expect((await as("u1", "GET", "/counts")).body).toEqual({ unseen: 2, unread: 2 });
  });

  it("leave an item that arrived later, also if its message is older", async () => {
    const ids = await add("u0", 2);
    const [held] = await add("u0", 1, { id: newUuid(new Date(Date.now() - 3_600_000)) });
    const read = await as("u0", "POST", "/read-all", { upTo: ids[1] });
    expect(read.body).toEqual({ changed: 2, counts: { unseen: 1, unread: 1 } });
    expect(idsOf(await as("u0", "GET", "?state=unread"))).toEqual([held]);
    expect((await as("u0", "POST", "/read-all", { upTo: held })).body.changed).toBe(1);
  });

  it("change nothing for an item that the recipient does not have", async () => {
    await add("u0", 1);
    const [other] = await add("u1", 1);
    for (const upTo of [other, publicId("inboxItem", newUuid())])
      expect(await as("u0", "POST", "/read-all", { upTo })).toMatchObject({
        status: 200,
        body: { changed: 0, counts: { unread: 1 } },
      });
  });

  it("leave items that arrive while they run", async () => {
    const ids = await add("u0", 200);
    const [marked] = await Promise.all([
      as("u0", "POST", "/read-all", { upTo: ids.at(-1) }),
      add("u0", 20),
    ]);
    expect(marked.body.changed).toBe(200);
    expect((await as("u0", "GET", "/counts")).body).toEqual({ unseen: 20, unread: 20 });
  });

  it("refuse what is not an item's id", async () => {
    for (const body of [{}, { upTo: "dlv_1" }, { upTo: null }])
      expect((await as("u0", "POST", "/read-all", body)).status).toBe(422);
  });
});

describe("what recipients do with items", () => {
  const engagements = async () =>
    (
      await api.pool.query<{ id: string; seen: boolean; read: boolean; acted: boolean }>(
        `SELECT delivery_id AS id, seen_at IS NOT NULL AS seen, read_at IS NOT NULL AS read, acted_at IS NOT NULL AS acted FROM engagements ORDER BY delivery_id`,
      )
    ).rows;
  const deliveriesOf = async (name: string, count: number) => {
    for (let n = 0; n < count; n++)
      await api.send("POST", "/v1/notifications", {
        recipients: [name],
        template: { key: "order-shipped" },
        data: { order: String(n) },
      });
    const rows = await api.prisma.openDelivery.findMany({
      where: { recipientId: people[name]!.id },
      orderBy: { id: "desc" },
      take: count,
    });
    return rows.map(({ id }) => id).toReversed();
  };

  it("is recorded for the delivery that the item stands for, at first and once", async () => {
    const [delivery] = await deliveriesOf("u0", 1);
    const [id] = await add("u0", 1, { id: delivery });
    await as("u0", "PATCH", `/${id}`, { seen: true });
    expect(await engagements()).toEqual([{ id: delivery, seen: true, read: false, acted: false }]);
    await as("u0", "PATCH", `/${id}`, { read: true });
    await as("u0", "PATCH", `/${id}`, { read: false });
    expect(await engagements()).toEqual([{ id: delivery, seen: true, read: true, acted: false }]);
  });

  it("is recorded for every member of a group, also by read-all", async () => {
    const members = await deliveriesOf("u1", 3);
    const group = newUuid();
    await api.pool.query(
      "INSERT INTO groups (id, recipient_id, kind, channel, closes_at) VALUES ($1, $2, 'digest', 'in_app', now())",
      [group, people.u1!.id],
    );
    await api.pool.query("UPDATE open_deliveries SET group_id = $1 WHERE id = ANY($2::uuid[])", [
      group,
      members,
    ]);
    const [id] = await add("u1", 1, { id: group });
    expect(parsePublicId("inboxItem", id!)).toBe(group);
    await as("u1", "POST", "/read-all", { upTo: id });
    expect(await engagements()).toEqual(
      members.map((member) => ({ id: member, seen: true, read: true, acted: false })),
    );
  });
});
