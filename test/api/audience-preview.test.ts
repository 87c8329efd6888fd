import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { audience } from "../../domain/audience.ts";
import { previewAudience } from "../../ledger/audience-preview.ts";
import { inTransaction } from "../../ledger/transaction.ts";
import { type Api, makeKey, seed, startApi } from "./harness.ts";

const people = 40;
/** More than a rough count counts. */
const many = 20_000;
let api: Api;
beforeAll(async () => {
  api = await startApi();
  await seed(api, people);
  for (const [key, filter] of Object.entries({
    even: { attribute: "even", equals: true },
    first: { attribute: "number", lessThan: 10 },
  }))
    await api.send("POST", "/v1/segments", { key, name: key, filter });
  for (const address of ["U2@example.org", "u3@example.org"])
    await api.send("POST", "/v1/suppressions", { channel: "email", address });
  for (const name of ["u12", "u14"])
    await api.pool.query("UPDATE recipients SET email = NULL WHERE external_id = $1", [name]);
  // A person whose address was suppressed is erased, and their address belongs to another recipient again.
  await api.send("POST", "/v1/suppressions", { channel: "email", address: "u39@example.org" });
  await api.send("DELETE", "/v1/recipients/u39");
  await api.send("PUT", "/v1/recipients/u40", { email: "U39@example.org", attributes: {} });
});
afterAll(() => api.stop());

async function preview(body: object) {
  const reply = await api.send("POST", "/v1/audiences/preview", body);
  expect([reply.status, reply.body.errors]).toEqual([200, undefined]);
  return reply.body;
}

describe("the preview of an audience", () => {
  it("counts what becomes of everybody, so that the numbers add up", async () => {
    const { count, waterfall } = await preview({ audience: { all: true, exclude: ["first"] } });
    expect(waterfall).toEqual({
      included: people + 1,
      erased: 1,
      excluded: 10,
      suppressed: 1,
      noAddress: 2,
      reachable: 27,
    });
    expect(count).toEqual({ exactly: 30 });
  });

  it("counts segments and conditions together, and each person once", async () => {
    const { waterfall } = await preview({
      audience: {
        include: ["even", "first"],
        where: { attribute: "number", lessThan: 20 },
        exclude: ["first"],
      },
    });
    expect(waterfall).toEqual({
      included: 15,
      erased: 0,
      excluded: 10,
      suppressed: 0,
      noAddress: 2,
      reachable: 3,
    });
  });

  it("asks which channels are meant", async () => {
    const everybody = { all: true };
    const { waterfall } = await preview({ audience: everybody, channels: ["email", "in_app"] });
    expect(waterfall).toMatchObject({ suppressed: 0, noAddress: 0, reachable: 40 });
    const byPush = await preview({ audience: everybody, channels: ["push"] });
    expect(byPush.waterfall).toMatchObject({ noAddress: 40, reachable: 0 });
  });

  it("agrees with the preview of a campaign", async () => {
    const { waterfall } = await preview({ audience: { all: true } });
    const { body } = await api.send("POST", "/v1/campaigns/preview", {
      name: "Sale",
      template: { key: "order-shipped" },
      data: { order: "1" },
      audience: { all: true },
    });
    expect(waterfall.reachable).toBe(body.of - body.unreachable);
  });

  it("shows a random sample of the audience", async () => {
    const drawn = new Set<string>();
    for (let draw = 0; draw < 12; draw++) {
      const { sample } = await preview({ audience: { include: ["even"] }, sample: 5 });
      expect(sample).toHaveLength(5);
      for (const { attributes, externalId } of sample) {
        expect(attributes.even).toBe(true);
        drawn.add(externalId);
      }
    }
    // Sixty draws from twenty people, of whom the newest five would be the same each time.
    expect(drawn.size).toBeGreaterThan(10);
    expect((await preview({ audience: { all: true }, sample: 0 })).sample).toEqual([]);
  });

  it("names a segment that does not exist, at its place", async () => {
    const body = { audience: { include: ["even", "nobody"] } };
    const reply = await api.send("POST", "/v1/audiences/preview", body);
    expect(reply.status).toBe(422);
    expect(reply.body.errors[0].field).toBe("/audience/include/1");
  });

  it("is for viewers, and writes nothing", async () => {
    const viewer = await makeKey(api, { role: "viewer" });
    const headers = { authorization: `Bearer ${viewer.secret}` };
    const before = await api.prisma.auditEntry.count();
    const reply = await api.send(
      "POST",
      "/v1/audiences/preview",
      { audience: { all: true } },
      headers,
    );
    expect(reply.status).toBe(200);
    expect(await api.prisma.auditEntry.count()).toBe(before);
  });

  it("counts roughly where an exact count takes too long", async () => {
    await inTransaction(api.pool, async (client) => {
      await client.query("SET LOCAL statement_timeout = 0");
      await client.query(
        `INSERT INTO recipients (id, external_id, email, created_at, updated_at)
         SELECT uuid_v7(ledger_now()), 'many' || n, 'many' || n || '@example.org', ledger_now(), ledger_now() FROM generate_series(1, ${many}) AS n`,
      );
    });
    const wanted = {
      audience: audience.parse({ where: { field: "externalId", startsWith: "many" } }),
      segments: new Map(),
      channels: ["email"] as const,
      sample: 3,
    };
    const rough = await previewAudience(api.pool, wanted, { exactMs: 1, roughMs: 60_000 });
    expect(rough).toMatchObject({ counts: null, size: 10_000 });
    expect(rough.ids).toHaveLength(3);
    const none = await previewAudience(api.pool, wanted, { exactMs: 1, roughMs: 1 });
    expect(none).toEqual({ counts: null, size: 0, ids: [] });
    const exact = await previewAudience(api.pool, wanted, { exactMs: 60_000, roughMs: 1 });
    expect(exact).toMatchObject({ size: many, counts: { reachable: many } });
  });
});
