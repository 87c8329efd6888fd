import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { masterKey } from "../support/sealing.ts";
import { startApi, type Api } from "./harness.ts";

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
