import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newUuid } from "../../domain/ids.ts";
import { type Api, makeKey, startApi } from "./harness.ts";

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

const path = "/v1/suppressions";
const csv = { "content-type": "text/csv" };
const ndjson = { "content-type": "application/x-ndjson" };

const add = (body: unknown) => api.send("POST", path, body);
const addressesOf = async (query: string) => {
  const { status, body } = await api.send("GET", `${path}?${query}`);
  expect([query, status]).toEqual([query, 200]);
  return body.items.map(({ address }: { address: string }) => address);
};
const auditOf = async (query: string) =>
  (await api.send("GET", `/v1/audit?${query}&sort=createdAt`)).body.items.map(
    ({ action, before, after }: Record<string, unknown>) => ({ action, before, after }),
  );

describe("a suppression", () => {
  it("is added once an address, whatever its spelling, and is answered as it was from then on", async () => {
    const first = await add({ channel: "email", address: "Ada@Bücher.example", note: "by phone" });
    expect(first.status).toBe(201);
    expect(first.body).toEqual({
      id: expect.stringMatching(/^sup_/),
      channel: "email",
      address: "ada@xn--bcher-kva.example",
      reason: "manual",
      note: "by phone",
      createdBy: "bootstrap",
      createdAt: expect.any(String),
      expiresAt: null,
    });
    const again = await add({
      channel: "email",
      address: "ada@XN--BCHER-KVA.example",
      reason: "bounced",
    });
    expect(again.status).toBe(200);
    expect(again.body).toEqual(first.body);
    expect((await api.send("GET", `${path}/${first.body.id}`)).body).toEqual(first.body);
    expect(await auditOf(`resource=${first.body.id}`)).toEqual([
      { action: "suppression.add", before: null, after: first.body },
    ]);
  });

  it("is permanent once it is added, even if it would have ended or has ended", async () => {
    const temporary = async (address: string, expiresAt: Date) => {
      await api.prisma.suppression.create({
        data: {
          id: newUuid(),
          channel: "email",
          address,
          reason: "bounced",
          createdBy: "dlv_x",
          expiresAt,
        },
      });
      const { body } = await api.send("GET", `${path}?address=${address}`);
      expect(body.items).toMatchObject([{ expiresAt: expiresAt.toISOString() }]);
      return body.items[0].id as string;
    };
    const [past, ahead] = [new Date(Date.now() - 60_000), new Date(Date.now() + 86_400_000)];
    for (const [n, expiresAt] of [past, ahead].entries()) {
      const before = await temporary(`added-${n}@example.org`, expiresAt);
      const added = await add({ channel: "email", address: `added-${n}@example.org` });
      expect(added).toMatchObject({ status: 201, body: { reason: "manual", expiresAt: null } });
      expect(added.body.id).not.toBe(before);

      await temporary(`imported-${n}@example.org`, expiresAt);
      const file = `address,reason\nimported-${n}@example.org,unsubscribed\n`;
      const { body } = await api.send("POST", `${path}/import`, file, csv);
      expect(body).toMatchObject({ imported: 1, created: 1, unchanged: 0 });
      const { body: found } = await api.send("GET", `${path}?address=imported-${n}@example.org`);
      expect(found.items).toMatchObject([{ reason: "unsubscribed", expiresAt: null }]);
    }
  });

  it("is found by an address whose plus sign was not encoded", async () => {
    await add({ channel: "email", address: "plus+tag@example.org" });
    for (const given of ["plus%2Btag@example.org", "Plus+Tag@example.org"])
      expect(await addressesOf(`address=${given}`)).toEqual(["plus+tag@example.org"]);
  });

  it("is one row when many add it at once", async () => {
    const replies = await Promise.all(
      Array.from({ length: 10 }, () => add({ channel: "sms", address: "+4915112345678" })),
    );
    expect(replies.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([
      ...Array<number>(9).fill(200),
      201,
    ]);
    expect(new Set(replies.map(({ body }) => body.id)).size).toBe(1);
    expect(await auditOf(`resource=${replies[0]!.body.id}`)).toHaveLength(1);
  });

  it.each([
    ["/address", { channel: "email", address: "not an address" }],
    ["/address", { channel: "email", address: "a@example.org\r\nBcc: b@example.org" }],
    ["/address", { channel: "sms", address: "0151 12345678" }],
    ["/address", { channel: "sms", address: "ada@example.org" }],
    ["/address", { channel: "email" }],
    ["/channel", { channel: "push", address: "ada@example.org" }],
    ["/channel", { address: "ada@example.org" }],
    ["/reason", { channel: "email", address: "ada@example.org", reason: "dislike" }],
    ["/note", { channel: "email", address: "ada@example.org", note: "x".repeat(1_001) }],
    ["/recipient", { channel: "email", address: "ada@example.org", recipient: "ada" }],
  ])("with a fault is refused with the fault named: %s", async (field, body) => {
    const reply = await add(body);
    expect(reply.status).toBe(422);
    expect(reply.body.errors.map((error: { field: string }) => error.field)).toContain(field);
  });

  it("is removed by an admin only, once, and the trail says what it was", async () => {
    const { body } = await add({ channel: "email", address: "gone@example.org" });
    for (const role of ["viewer", "sender"] as const) {
      const { secret } = await makeKey(api, { role });
      const headers = { authorization: `Bearer ${secret}` };
      expect((await api.send("DELETE", `${path}/${body.id}`, undefined, headers)).status).toBe(403);
    }
    const replies = await Promise.all(
      [1, 2, 3].map(() => api.send("DELETE", `${path}/${body.id}`)),
    );
    expect(replies.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([204, 404, 404]);
    expect(await addressesOf("address=gone@example.org")).toEqual([]);
    expect(await auditOf(`resource=${body.id}`)).toEqual([
      { action: "suppression.add", before: null, after: body },
      { action: "suppression.remove", before: body, after: null },
    ]);
    expect((await add({ channel: "email", address: "gone@example.org" })).status).toBe(201);
  });

  it("of an id that is none, or of another kind, is not found", async () => {
    for (const id of ["sup_01jd3v8qyee7fr8xmcsnh5hbcd", "cmp_01jd3v8qyee7fr8xmcsnh5hbcd", "x'--"])
      for (const method of ["GET", "DELETE"])
        expect((await api.send(method, `${path}/${encodeURIComponent(id)}`)).status).toBe(404);
  });
});

describe("the list of suppressions", () => {
  beforeAll(async () => {
    await api.prisma.suppression.deleteMany();
    for (const [address, reason] of [
      ["a@example.org", "manual"],
      ["b@example.org", "bounced"],
      ["c@example.org", "complained"],
      ["d@example.org", "unsubscribed"],
    ])
      await add({ channel: "email", address, reason });
    await add({ channel: "sms", address: "+14155550123" });
  });

  it("is turned page by page, the latest first or last", async () => {
    const whole = await addressesOf("");
    expect(whole).toEqual([
      "+14155550123",
      "d@example.org",
      "c@example.org",
      "b@example.org",
      "a@example.org",
    ]);
    expect(await addressesOf("sort=createdAt")).toEqual(whole.toReversed());
    const { body: first } = await api.send("GET", `${path}?limit=2`);
    const { body: second } = await api.send("GET", `${path}?limit=3&cursor=${first.nextCursor}`);
    expect(
      [...first.items, ...second.items].map(({ address }: { address: string }) => address),
    ).toEqual(whole);
    expect(second.nextCursor).toBeNull();
  });

  it.each([
    ["channel=sms", ["+14155550123"]],
    ["reason=bounced,complained", ["c@example.org", "b@example.org"]],
    ["address=B@EXAMPLE.org", ["b@example.org"]],
    ["address=%2B14155550123", ["+14155550123"]],
    ["address=+14155550123", ["+14155550123"]],
    ["address=b@example.org&channel=sms", []],
    ["address=nobody@example.org", []],
    ["createdFrom=2099-01-01T00:00:00Z", []],
    ["createdBefore=2001-01-01T00:00:00Z", []],
  ])("is filtered: %s", async (query, found) => {
    expect(await addressesOf(query)).toEqual(found);
  });

  it.each(["address=%27%20OR%201%3D1", "address=", "channel=push", "reason=x", "sort=address"])(
    "is refused what it cannot be filtered by: %s",
    async (query) => {
      expect((await api.send("GET", `${path}?${query}`)).status).toBe(422);
    },
  );
});

describe("an import of suppressions", () => {
  beforeAll(() => api.prisma.suppression.deleteMany());

  it("of CSV keeps the good lines and reports the bad ones", async () => {
    const file = [
      "address,reason,channel,note",
      "I1@Example.org,,,",
      'i2@example.org,unsubscribed,email,"said ""no"", twice"',
      "+4915112345678,manual,sms,",
      "+4915112345678,,,",
      "i3@example.org,disliked,,",
      "i4@example.org,,push,",
      "i5@example.org",
      "i6@example.org,,,,more",
      ",manual,,",
      ",,,",
    ].join("\r\n");
    const { status, body } = await api.send("POST", `${path}/import`, file, csv);
    expect(status).toBe(200);
    expect(body).toMatchObject({ lines: 9, imported: 4, created: 4, failed: 5 });
    expect(
      body.errors.map(({ line, field }: { line: number; field: string }) => [line, field]),
    ).toEqual([
      [5, "address"],
      [6, "reason"],
      [7, "channel"],
      [9, ""],
      [10, "address"],
    ]);
    const { items } = (await api.send("GET", `${path}?sort=createdAt`)).body;
    expect(
      items
        .map(({ channel, address, reason, note }: Record<string, unknown>) => [
          address,
          channel,
          reason,
          note,
        ])
        .toSorted(),
    ).toEqual([
      ["+4915112345678", "sms", "manual", null],
      ["i1@example.org", "email", "imported", null],
      ["i2@example.org", "email", "unsubscribed", 'said "no", twice'],
      ["i5@example.org", "email", "imported", null],
    ]);
    expect((await auditOf("action=suppression.import")).at(-1)).toEqual({
      action: "suppression.import",
      before: null,
      after: { imported: 4, failed: 5 },
    });
  });

  it("of NDJSON keeps the good lines, reports the bad ones, and does not change existing suppressions", async () => {
    const file = [
      '{"address":"I1@example.org","reason":"bounced"}',
      '{"address":"n1@example.org","note":"first"}',
      '{"address":"N1@example.org","note":"second"}',
      '{"address":"n2@example.org","unknown":1}',
      "nonsense",
    ].join("\n");
    const { body } = await api.send("POST", `${path}/import`, file, ndjson);
    expect(body).toMatchObject({ lines: 5, imported: 3, created: 1, unchanged: 2, failed: 2 });
    expect(
      body.errors.map(({ line, field }: { line: number; field: string }) => [line, field]),
    ).toEqual([
      [4, "/unknown"],
      [5, ""],
    ]);
    const reasonOf = async (address: string) =>
      (await api.send("GET", `${path}?address=${address}`)).body.items[0];
    expect(await reasonOf("i1@example.org")).toMatchObject({ reason: "imported" });
    expect(await reasonOf("n1@example.org")).toMatchObject({ note: "first" });
  });

  it.each([
    ["no address", "reason\nmanual", "without the column address"],
    ["an unknown column", "address,attributes.name\na@b.example,x", '"attributes.name"'],
    ["nothing", "", "is empty"],
  ])("of CSV with %s is refused as a whole", async (_, file, message) => {
    const { status, body } = await api.send("POST", `${path}/import`, file, csv);
    expect(status).toBe(422);
    expect(body.errors[0].message).toContain(message);
  });

  it("of another type is refused", async () => {
    expect((await api.send("POST", `${path}/import`, [])).status).toBe(415);
  });

  it("takes what a spreadsheet would run for the text it is", async () => {
    const formulas = ['=HYPERLINK("http://evil.example")', "+1+1", "-2", "@SUM(A1)", "\t=1"];
    const file = [
      "address,note",
      ...formulas.map((note, index) => `f${index}@example.org,"${note.replaceAll('"', '""')}"`),
      "=cmd@example.org,",
    ].join("\n");
    const { body } = await api.send("POST", `${path}/import`, file, csv);
    expect(body).toMatchObject({ imported: formulas.length + 1, failed: 0 });
    for (const [index, note] of formulas.entries()) {
      const { items } = (await api.send("GET", `${path}?address=f${index}@example.org`)).body;
      expect(items[0].note).toBe(note);
    }
  });

  it("by two at once of the same addresses in another order ends without a deadlock", async () => {
    const lines = Array.from({ length: 3_000 }, (_, i) => `p${i}@example.org`);
    const files = [lines, lines.toReversed()].map((some) => ["address", ...some].join("\n"));
    const replies = await Promise.all(
      files.map((file) => api.send("POST", `${path}/import`, file, csv)),
    );
    expect(replies.map(({ body }) => body.imported)).toEqual([3_000, 3_000]);
    expect(await api.prisma.suppression.count({ where: { address: { startsWith: "p" } } })).toBe(
      3_000,
    );
  });

  it("is not for a viewer", async () => {
    const { secret } = await makeKey(api, { role: "viewer" });
    const headers = { ...csv, authorization: `Bearer ${secret}` };
    const reply = await api.send("POST", `${path}/import`, "address\nv@example.org", headers);
    expect(reply.status).toBe(403);
    expect(await addressesOf("address=v@example.org")).toEqual([]);
  });
});
