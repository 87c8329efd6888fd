import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { masterKey } from "../support/sealing.ts";
import { type Api, makeKey, startApi } from "./harness.ts";

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

describe("sealing", () => {
  it("makes the API degraded without the key that values need, and everything else works", async () => {
    expect(await api.sealer.check()).toMatchObject({ state: "up" });
    for (const masterKeys of [[], [masterKey("k2")], [masterKey("k1", "another")]]) {
      const keyless = await startApi({ database: api.database, masterKeys });
      const ready = await keyless.app.request("/readyz");
      expect(ready.status).toBe(200);
      expect(await ready.json()).toEqual({
        status: "degraded",
        database: "up",
        temporal: "up",
        sealing: "failing",
      });
      const { status } = await keyless.send("PUT", "/v1/recipients/ada", {
        email: "ada@example.org",
      });
      expect([200, 201]).toContain(status);
      await keyless.stop();
    }
  });

  it("is off, and the API ready, where no key was ever configured", async () => {
    const plain = await startApi({ masterKeys: [] });
    const ready = await plain.app.request("/readyz");
    expect(await ready.json()).toMatchObject({ status: "ready", sealing: "off" });
    await plain.stop();
  });
});

describe("the routes of sealing", () => {
  let own: Api;
  beforeAll(async () => {
    own = await startApi();
  });
  afterAll(() => own.stop());

  it("rotate the data key once for each Idempotency-Key, by an admin, with an entry in the audit trail", async () => {
    const place = { table: "addresses", column: "value", row: "r" };
    const sealed = await own.sealer.seal(Buffer.from("an address"), place);
    const sender = await makeKey(own, { role: "sender" });
    const refused = await own.send("POST", "/v1/sealing/rotate", undefined, {
      authorization: `Bearer ${sender.secret}`,
    });
    expect(refused.status).toBe(403);

    const headers = { "idempotency-key": "rotate-1" };
    const rotated = await own.send("POST", "/v1/sealing/rotate", undefined, headers);
    expect([rotated.status, rotated.body]).toEqual([200, { dataKey: 2, retired: 1 }]);
    const again = await own.send("POST", "/v1/sealing/rotate", undefined, headers);
    expect(again.body).toEqual(rotated.body);
    const { body: state } = await own.send("GET", "/v1/sealing");
    expect(state).toEqual({
      state: "up",
      fault: null,
      dataKeys: [
        {
          id: 1,
          masterKey: "k1",
          createdAt: expect.any(String) as string,
          retiredAt: expect.any(String) as string,
          resealedAt: null,
        },
        {
          id: 2,
          masterKey: "k1",
          createdAt: expect.any(String) as string,
          retiredAt: null,
          resealedAt: null,
        },
      ],
    });
    const { body: audit } = await own.send("GET", "/v1/audit?resource=sealing");
    expect(audit.items).toMatchObject([
      { action: "sealing.rotate", before: { dataKey: 1 }, after: { dataKey: 2 } },
    ]);
    expect(await own.sealer.open(sealed, place)).toEqual(Buffer.from("an address"));
    expect((await own.sealer.seal(Buffer.from("x"), place))[4]).toBe(2);
  });

  it("show and log no key and no sealed value", async () => {
    const { rows } = await own.pool.query<{ wrapped: Buffer; value: Buffer }>(
      "SELECT wrapped, value FROM data_keys, sealing_canary",
    );
    const answers = await Promise.all(
      ["/v1/sealing", "/v1/audit", "/readyz", "/metrics"].map(async (path) =>
        JSON.stringify((await own.send("GET", path)).body),
      ),
    );
    const texts = [...answers, ...own.logged].join("\n");
    for (const bytes of [
      masterKey("k1").key.export(),
      ...rows.flatMap(({ wrapped, value }) => [wrapped, value]),
    ])
      for (const encoding of ["base64", "base64url", "hex"] as const)
        expect(texts).not.toContain(bytes.toString(encoding).slice(8, 40));
  });

  it("answer with 503 without the right key, change nothing, and say in the state which is missing", async () => {
    const keyless = await startApi({ database: own.database, masterKeys: [masterKey("k3")] });
    const refused = await keyless.send("POST", "/v1/sealing/rotate");
    expect(refused.status).toBe(503);
    expect(refused.body.detail).toContain("lacks the key");
    const { body } = await keyless.send("GET", "/v1/sealing");
    expect(body).toMatchObject({
      state: "failing",
      fault:
        "SEALING_KEYS lacks the key k1, which 0 stored values need. Add it again, behind the others.",
    });
    expect(body.dataKeys).toHaveLength(2);
    await keyless.stop();
  });
});
