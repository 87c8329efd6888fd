import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Api, sampleTemplate, seed, startApi } from "./harness.ts";

let api: Api;
beforeAll(async () => {
  api = await startApi();
  await seed(api, 20);
});
afterAll(() => api.stop());

const filter = { attribute: "even", equals: true };
let made = 0;
async function create(part: object = {}) {
  const reply = await api.send("POST", "/v1/segments", {
    key: `segment-${(made += 1)}`,
    name: "Even ones",
    filter,
    ...part,
  });
  expect(reply.status).toBe(201);
  return reply.body as { id: string; key: string };
}

async function createCampaign(audience: object) {
  return api.send("POST", "/v1/campaigns", {
    name: "Spring",
    template: { key: sampleTemplate.key },
    audience,
    data: { order: "1" },
  });
}

describe("a segment", () => {
  it("is listed in shorter pages where many are long, and none is passed over", async () => {
    const filter = {
      field: "externalId",
      in: Array.from({ length: 600 }, (_, i) => `${i}`.padStart(500, "x")),
    };
    const keys = Array.from({ length: 30 }, (_, i) => `long-${String(i).padStart(2, "0")}`);
    for (const key of keys)
      expect((await api.send("POST", "/v1/segments", { key, name: key, filter })).status).toBe(201);
    const pages: string[][] = [];
    for (let cursor: string | null = ""; cursor !== null;) {
      const more: string = cursor === "" ? "" : `&cursor=${cursor}`;
      const { body } = await api.send("GET", `/v1/segments?q=long-&sort=key&limit=200${more}`);
      pages.push(body.items.map(({ key }: { key: string }) => key));
      cursor = body.nextCursor;
    }
    expect(pages).toEqual([keys.slice(0, 25), keys.slice(25)]);
  });

  it("is created, read, listed, changed and deleted, and the trail says so", async () => {
    const { key, id } = await create();
    expect(id).toMatch(/^seg_/);
    const read = await api.send("GET", `/v1/segments/${key}`);
    expect(read.body).toMatchObject({ id, key, name: "Even ones", filter });
    const changed = await api.send(
      "PATCH",
      `/v1/segments/${key}`,
      { name: "Odd ones", filter: { not: filter } },
      { "if-match": read.headers.get("etag")! },
    );
    expect(changed.body).toMatchObject({ name: "Odd ones", filter: { not: filter } });
    expect(changed.headers.get("etag")).not.toBe(read.headers.get("etag"));
    const listed = await api.send("GET", "/v1/segments?q=ODD");
    expect(listed.body).toEqual({ items: [changed.body], nextCursor: null });
    expect((await api.send("DELETE", `/v1/segments/${key}`)).status).toBe(204);
    expect((await api.send("GET", `/v1/segments/${key}`)).status).toBe(404);
    expect((await api.send("DELETE", `/v1/segments/${key}`)).status).toBe(404);
    const { body } = await api.send("GET", `/v1/audit?resource=${key}&action=segment`);
    expect(body.items.map((entry: { action: string }) => entry.action)).toEqual([
      "segment.delete",
      "segment.update",
      "segment.create",
    ]);
    expect(body.items[1].before).toMatchObject({ name: "Even ones", filter });
  });

  it("is changed only by a caller that has read its latest version", async () => {
    const { key } = await create();
    const patch = (headers: Record<string, string>, body: object = { name: "x" }) =>
      api.send("PATCH", `/v1/segments/${key}`, body, headers);
    expect((await patch({})).status).toBe(428);
    expect((await patch({ "if-match": '"7"' })).status).toBe(412);
    const same = await patch({ "if-match": '"1"' }, { filter });
    expect(same.headers.get("etag")).toBe('"1"');
    expect((await patch({ "if-match": '"1"' })).headers.get("etag")).toBe('"2"');
    expect((await patch({ "if-match": '"1"' })).status).toBe(412);
  });

  it("has a key of its own", async () => {
    const { key } = await create();
    const again = await api.send("POST", "/v1/segments", { key, name: "x", filter });
    expect(again.status).toBe(409);
    const raced = await Promise.all(
      ["a", "b", "c"].map((name) =>
        api.send("POST", "/v1/segments", { key: "raced", name, filter }),
      ),
    );
    expect(raced.map(({ status }) => `${status}`).toSorted()).toEqual(["201", "409", "409"]);
  });

  it.each([
    ["/key", { key: "Has Spaces" }],
    ["/key", { key: "" }],
    ["/name", { name: "" }],
    ["/filter", { filter: {} }],
    ["/filter/any/0", { filter: { any: [{}] } }],
    ["/filter/equals", { filter: { attribute: "a", equals: { $ne: 1 } } }],
    ["/filter/field", { filter: { field: "attributes; DROP TABLE recipients", equals: "x" } }],
    ["/filter", { filter: { any: Array(101).fill(filter) } }],
    ["/unknown", { unknown: 1 }],
  ])("is refused with a bad %s", async (field, part) => {
    const body = { key: "bad", name: "Bad", filter, ...part };
    const reply = await api.send("POST", "/v1/segments", body);
    expect(reply.status).toBe(422);
    expect(reply.body.errors).toContainEqual(expect.objectContaining({ in: "body", field }));
  });

  it("counts and lists whom it holds now", async () => {
    const { key } = await create();
    expect((await api.send("GET", `/v1/segments/${key}/count`)).body).toEqual({ count: 10 });
    const first = await api.send("GET", `/v1/segments/${key}/recipients?limit=6&sort=externalId`);
    const second = await api.send(
      "GET",
      `/v1/segments/${key}/recipients?limit=6&sort=externalId&cursor=${first.body.nextCursor}`,
    );
    const ids = [...first.body.items, ...second.body.items].map(
      (item: { externalId: string }) => item.externalId,
    );
    expect(ids.toSorted()).toEqual(Array.from({ length: 10 }, (_, i) => `u${i * 2}`).toSorted());
    expect(second.body.nextCursor).toBeNull();
    await api.send("PUT", "/v1/recipients/late", { attributes: { even: true } });
    expect((await api.send("GET", `/v1/segments/${key}/count`)).body).toEqual({ count: 11 });
    await api.send("DELETE", "/v1/recipients/late");
    expect((await api.send("GET", `/v1/segments/${key}/count`)).body).toEqual({ count: 10 });
  });
});

describe("POST /v1/segments/preview", () => {
  const preview = (body: object) => api.send("POST", "/v1/segments/preview", body);

  it("counts and shows some, and saves nothing", async () => {
    const before = await api.prisma.segment.count();
    const { body } = await preview({ filter, sample: 3 });
    expect(body.count).toBe(10);
    expect(body.sample).toHaveLength(3);
    expect(body.sample[0].attributes.even).toBe(true);
    expect((await preview({ filter, sample: 0 })).body).toEqual({
      count: 10,
      sample: [],
      hints: [],
    });
    expect((await preview({ filter })).body.sample).toHaveLength(10);
    expect(await api.prisma.segment.count()).toBe(before);
  });

  it("hints at attributes that are text where it asks for numbers or lists", async () => {
    await api.send(
      "POST",
      "/v1/recipients/import",
      "external_id,attributes.age,attributes.tags\nhinted,40,a",
      {
        "content-type": "text/csv",
      },
    );
    const { body } = await preview({
      filter: {
        any: [
          { attribute: "age", atLeast: 18 },
          { not: { attribute: "tags", includes: "a" } },
          { attribute: "number", lessThan: 3 },
        ],
      },
    });
    expect(body.hints).toEqual([
      { attribute: ["age"], message: expect.stringContaining("?types=age:number") },
      { attribute: ["tags"], message: expect.stringContaining("?types=tags:list") },
    ]);
    await api.send("DELETE", "/v1/recipients/hinted");
  });

  const evil = `'"; DROP TABLE recipients; -- $1 \\ %_ \${x} ")) true`;
  it.each([
    { attribute: evil, equals: evil },
    { attribute: evil, in: [evil] },
    { attribute: evil, exists: true },
    { attribute: evil, atLeast: 1 },
    { attribute: [evil, `"] || true`], lessThan: 1 },
    { attribute: [evil, evil], contains: evil },
    { attribute: `" ? (1 == 1) || $."`, atMost: 1e300 },
    { attribute: `a" > 0 || "a`, greaterThan: -1e-300 },
    { field: "email", equals: evil },
    { field: "phone", in: [evil, "x"] },
    { field: "locale", startsWith: evil },
    { field: "externalId", endsWith: "\\" },
    { field: "externalId", contains: "%" },
  ])("finds nobody by an injection: %j", async (injection) => {
    const { status, body } = await preview({ filter: injection });
    expect([status, body.count]).toEqual([200, 0]);
    expect((await preview({ filter: { not: injection } })).body.count).toBe(20);
  });
});

describe("a segment that a campaign names", () => {
  it("must be there", async () => {
    const { key } = await create();
    const reply = await createCampaign({ include: [key, "gone-1"], exclude: ["gone-2"] });
    expect(reply.status).toBe(422);
    expect(reply.body.errors).toEqual([
      { in: "body", field: "/audience/include/1", message: expect.stringContaining("gone-1") },
      { in: "body", field: "/audience/exclude/0", message: expect.stringContaining("gone-2") },
    ]);
  });

  it("is not deleted before the campaign has begun or is over, included or excluded", async () => {
    for (const [audience, end] of [
      [(key: string) => ({ include: [key] }), "cancel"],
      [(key: string) => ({ all: true, exclude: [key] }), "freeze"],
    ] as const) {
      const { key } = await create();
      const { body: campaign } = await createCampaign(audience(key));
      const refused = await api.send("DELETE", `/v1/segments/${key}`);
      expect(refused.status).toBe(409);
      expect(refused.body.detail).toContain(campaign.id);
      if (end === "cancel") await api.send("POST", `/v1/campaigns/${campaign.id}/cancel`);
      else
        await api.prisma.$executeRaw`
          UPDATE campaigns SET status = 'running', start_at = now(), frozen_at = now(), audience_count = 0 WHERE audience -> 'exclude' ? ${key}`;
      expect((await api.send("DELETE", `/v1/segments/${key}`)).status).toBe(204);
    }
  });

  it("is there or is not, however its deletion and the campaign meet", async () => {
    for (let round = 0; round < 10; round += 1) {
      const { key } = await create();
      const [campaign, deletion] = await Promise.all([
        createCampaign({ include: [key] }),
        api.send("DELETE", `/v1/segments/${key}`),
      ]);
      expect([
        [201, 409],
        [422, 204],
      ]).toContainEqual([campaign.status, deletion.status]);
    }
  });
});
