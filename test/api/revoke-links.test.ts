import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTokens } from "../../domain/tokens.ts";
import { type Api, seed, startApi, tokenSecret } from "./harness.ts";

const newer = "another-secret-of-at-least-32-characters";

let api: Api;
beforeAll(async () => {
  api = await startApi();
  await seed(api, 2);
});
afterAll(() => api.stop());

const mine = (token: string, of = api) =>
  of.send("GET", "/v1/me/preferences", undefined, { authorization: `Bearer ${token}` });
const tokenOf = async (recipient: string): Promise<string> =>
  (await api.send("POST", `/v1/recipients/${recipient}/preference-tokens`)).body.token;

async function deliveryOf(recipient: string): Promise<string> {
  const { body } = await api.send("POST", "/v1/notifications", {
    recipients: [recipient],
    template: { key: "order-shipped" },
    data: { order: "1" },
    actions: [{ action: "complete" }],
  });
  await api.send("GET", `/v1/notifications/${body.id}`);
  const [row] = await api.prisma.openDelivery.findMany({ orderBy: { id: "desc" }, take: 1 });
  return row!.id;
}

describe("POST /v1/recipients/{recipient}/revoke-links", () => {
  it("voids all links and tokens that a recipient holds, and no others", async () => {
    const [theirs, others] = [await tokenOf("u0"), await tokenOf("u1")];
    const delivery = await deliveryOf("u0");
    const tokens = createTokens([tokenSecret]);
    const link = (epoch: number) =>
      tokens.signActionToken({
        target: { delivery },
        action: { action: "complete" },
        epoch,
        expiresAt: new Date(Date.now() + 60_000),
      });
    const old = await link(0);
    expect((await mine(theirs)).status).toBe(200);
    expect((await api.app.request(`/a/${old}`)).status).toBe(200);

    expect((await api.send("POST", "/v1/recipients/u0/revoke-links")).status).toBe(204);

    const refused = await mine(theirs);
    expect(refused.status).toBe(401);
    expect(refused.body.detail).toContain("revoked");
    expect((await mine(others)).status).toBe(200);
    for (const send of [
      () => api.app.request(`/a/${old}`),
      () => api.app.request(`/a/${old}`, { method: "POST" }),
      () => api.send("POST", "/v1/actions", { token: old }),
    ])
      expect((await send()).status).toBe(410);
    expect(await api.prisma.event.count()).toBe(0);

    expect((await mine(await tokenOf("u0"))).status).toBe(200);
    expect((await api.send("POST", "/v1/actions", { token: await link(1) })).status).toBe(200);
    // Nobody can guess what comes next.
    expect((await api.send("POST", "/v1/actions", { token: await link(2) })).status).toBe(410);
    const { body } = await api.send("GET", "/v1/audit?action=recipient.revoke_links");
    expect(body.items).toHaveLength(1);
  });

  it("is refused for an unknown recipient", async () => {
    expect((await api.send("POST", "/v1/recipients/nobody/revoke-links")).status).toBe(404);
  });
});

describe("a new secret", () => {
  it("is put before the one that it replaces, whose tokens stay good until that is taken away", async () => {
    const old = await tokenOf("u1");
    const both = await startApi({
      database: api.database,
      config: { tokenSecrets: [newer, tokenSecret] },
    });
    const alone = await startApi({ database: api.database, config: { tokenSecrets: [newer] } });
    expect((await mine(old, both)).status).toBe(200);
    const { body } = await both.send("POST", "/v1/recipients/u1/preference-tokens");
    expect((await mine(body.token, alone)).status).toBe(200);
    expect((await mine(old, alone)).status).toBe(401);
    await both.stop();
    await alone.stop();
  });
});
