import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newUuid, publicId } from "../../domain/ids.ts";
import { type Api, makeKey, sampleTemplate, seed, startApi } from "./harness.ts";

let api: Api;
beforeAll(async () => {
  api = await startApi();
  await seed(api, 3);
});
afterAll(() => api.stop());

const as = (secret: string) => ({ authorization: `Bearer ${secret}` });
const found = async (q: string, headers = {}) =>
  (await api.send("GET", `/v1/search?q=${encodeURIComponent(q)}`, undefined, headers)).body.items;

describe("actors", () => {
  it("are named to viewers, without secrets and without addresses", async () => {
    const ada = await makeKey(api, { role: "admin", name: "Ada at work" });
    const operator = newUuid();
    await api.prisma.operator.create({
      data: {
        id: operator,
        issuer: "https://id.example.org",
        subject: "7",
        name: "grace@example.org",
        createdAt: new Date(),
        lastSignInAt: new Date(),
      },
    });
    const { secret } = await makeKey(api, { role: "viewer" });
    const ids = [
      ada.id,
      publicId("operator", operator),
      "bootstrap",
      "recipient",
      "tidings",
      "key_x",
      ada.id,
    ];
    const { status, body } = await api.send(
      "GET",
      `/v1/actors?ids=${ids.join(",")}`,
      undefined,
      as(secret),
    );
    expect(status).toBe(200);
    expect(body.items).toEqual([
      { id: "bootstrap", kind: "bootstrap", name: "First API key" },
      { id: "recipient", kind: "recipient", name: "The recipient" },
      { id: "tidings", kind: "tidings", name: "Tidings itself" },
      { id: ada.id, kind: "key", name: "Ada at work" },
      { id: publicId("operator", operator), kind: "operator", name: "grace" },
    ]);
    const tooMany = Array.from({ length: 101 }, (_, i) => `key_${i}`).join(",");
    expect((await api.send("GET", `/v1/actors?ids=${tooMany}`)).status).toBe(422);
  });
});

describe("the search", () => {
  beforeAll(async () => {
    const made = await Promise.all([
      api.send("POST", "/v1/campaigns", {
        name: "Spring SALE 50%_off",
        template: { key: sampleTemplate.key },
        data: { order: "1" },
        audience: { all: true },
      }),
      api.send("POST", "/v1/segments", {
        key: "sale-lovers",
        name: "Buyers",
        filter: { attribute: "even", equals: true },
      }),
      api.send("POST", "/v1/notification-types", { key: "sale.news", name: "Offers" }),
      api.send("POST", "/v1/templates", { ...sampleTemplate, key: "t-sale", name: "Old" }),
      api.send("POST", "/v1/templates", { ...sampleTemplate, key: "t-new", name: "A sale" }),
      api.send("PUT", "/v1/recipients/sale%25man", { email: "sale@example.org" }),
      api.send("PUT", "/v1/recipients/other", { email: "sale-too@example.org" }),
    ]);
    for (const { status, body } of made) if (status >= 300) throw new Error(JSON.stringify(body));
    await api.send("POST", "/v1/templates/t-sale/archive");
  });

  it("finds everything that has a name by a part of it, and recipients by the beginning of the external id", async () => {
    const items = await found("sale");
    expect(items.map(({ kind, name }: { kind: string; name: string }) => [kind, name])).toEqual([
      ["campaign", "Spring SALE 50%_off"],
      ["template", "A sale"],
      ["segment", "Buyers"],
      ["type", "Offers"],
      ["recipient", "sale%man"],
    ]);
    expect(items[0]).toMatchObject({
      reference: expect.stringMatching(/^cmp_/) as string,
      status: "draft",
    });
    expect(await found("ale@example")).toEqual([]);
    expect((await found("sale%m")).length).toBe(1);
    expect((await found("0%_o")).length).toBe(1);
    expect((await found("0xxo")).length).toBe(0);
    expect((await api.send("GET", "/v1/search?q=x")).status).toBe(422);
  });

  it("shows a key that is limited to scopes only what it may read", async () => {
    const { secret } = await makeKey(api, {
      role: "viewer",
      scopes: ["operations:read", "segments:read"],
    });
    const kinds = (await found("sale", as(secret))).map(({ kind }: { kind: string }) => kind);
    expect(kinds).toEqual(["segment"]);
  });

  it("finds five of each kind at most, by an index where there are many", async () => {
    await api.prisma.$executeRaw`
      INSERT INTO recipients (id, external_id) SELECT gen_random_uuid(), 'many-' || n FROM generate_series(1, 20000) AS n`;
    await api.prisma.$executeRaw`ANALYZE recipients`;
    expect(await found("many-1")).toHaveLength(5);
    const plan = await api.prisma.$queryRaw<Record<string, string>[]>`
      EXPLAIN SELECT id FROM recipients WHERE external_id COLLATE "C" LIKE 'many-777%' AND erased_at IS NULL LIMIT 5`;
    expect(JSON.stringify(plan)).toContain("recipients_external_id_prefix");
  });
});

describe("saved views", () => {
  const view = { name: "Failed", path: "/deliveries?status=failed" };

  it("belong to the person who saved them, and everybody sees those that are shared", async () => {
    const [ada, bob, vera] = [
      await makeKey(api, { role: "admin" }),
      await makeKey(api, { role: "sender" }),
      await makeKey(api, { role: "viewer" }),
    ];
    const save = (secret: string, body: object) => api.send("POST", "/v1/views", body, as(secret));
    const list = async (secret: string) =>
      (await api.send("GET", "/v1/views", undefined, as(secret))).body.items;
    const own = await save(vera.secret, view);
    expect([own.status, own.body]).toMatchObject([
      201,
      { ...view, isShared: false, isMine: true, createdBy: vera.id },
    ]);
    expect((await save(vera.secret, { ...view, isShared: true })).status).toBe(403);
    const shared = await save(bob.secret, { ...view, name: "For all", isShared: true });
    expect((await list(vera.secret)).map(({ name }: { name: string }) => name)).toEqual([
      "Failed",
      "For all",
    ]);
    expect(await list(ada.secret)).toMatchObject([{ name: "For all", isMine: false }]);
    const remove = async (secret: string, id: string) =>
      (await api.send("DELETE", `/v1/views/${id}`, undefined, as(secret))).status;
    expect(await remove(vera.secret, shared.body.id)).toBe(404);
    expect(await remove(ada.secret, own.body.id)).toBe(404);
    expect(await remove(ada.secret, shared.body.id)).toBe(204);
    expect(await remove(vera.secret, own.body.id)).toBe(204);
    expect(await list(vera.secret)).toEqual([]);
    const audit = await api.send("GET", `/v1/audit?resource=${shared.body.id}`);
    expect(audit.body.items).toMatchObject([
      { action: "view.delete", actor: ada.id },
      { action: "view.create", actor: bob.id },
    ]);
  });

  it("have nothing personal in their address or name, and are bounded", async () => {
    const save = async (body: object) => (await api.send("POST", "/v1/views", body)).body;
    expect((await save({ ...view, path: "/recipients?q=ada@example.org" })).errors).toMatchObject([
      { field: "/path" },
    ]);
    expect((await save({ ...view, name: "ada@example.org" })).errors).toMatchObject([
      { field: "/name" },
    ]);
    for (let count = 0; count < 50; count += 1) await save({ ...view, name: `View ${count}` });
    expect((await save(view)).type).toBe("urn:tidings:problem:conflict");
  });
});
