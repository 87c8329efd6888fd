import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Api, makeKey, sampleTemplate, seed, startApi } from "./harness.ts";

let api: Api;
beforeAll(async () => {
  api = await startApi();
  await seed(api, 1);
});
afterAll(() => api.stop());
beforeEach(() => void (api.woken.length = 0));

const original = {
  name: "Spring",
  template: { key: sampleTemplate.key, version: 1 },
  audience: { where: { attribute: "even", equals: true } },
  data: { order: "1" },
  priority: "high",
  guarantee: "at_most_once",
  throttle: { perSecond: 5, burst: 7 },
};

async function create(part: object = {}): Promise<string> {
  const { status, body } = await api.send("POST", "/v1/campaigns", { ...original, ...part });
  expect(status).toBe(201);
  return body.id;
}
const duplicate = (id: string, body?: object, headers?: Record<string, string>) =>
  api.send("POST", `/v1/campaigns/${id}/duplicate`, body, headers);

describe("a duplicate of a campaign", () => {
  it("is a draft of the same, whatever has become of the original", async () => {
    const id = await create({ startAt: "2090-01-01T00:00:00Z" });
    await api.send("POST", `/v1/campaigns/${id}/recall`);
    api.woken.length = 0;
    const made = await duplicate(id);
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({
      ...original,
      name: "Spring (copy)",
      status: "draft",
      startAt: null,
      recalledAt: null,
      finishedAt: null,
    });
    expect(made.body.id).not.toBe(id);
    expect(made.headers.get("etag")).toBe('"1"');
    expect(api.woken).toEqual([]);
    const audit = await api.send("GET", `/v1/audit?resource=${made.body.id}`);
    expect(audit.body.items).toMatchObject([{ action: "campaign.duplicate" }]);
  });

  it("differs in the given fields", async () => {
    const id = await create({ name: "n".repeat(200) });
    const change = { name: "Again", data: { order: "2" }, throttle: null, priority: "low" };
    expect((await duplicate(id, change)).body).toMatchObject({ ...original, ...change });
    expect((await duplicate(id)).body.name).toHaveLength(200);
  });

  it("is made once for a key", async () => {
    const id = await create();
    const headers = { "idempotency-key": "again" };
    const [first, second] = [await duplicate(id, {}, headers), await duplicate(id, {}, headers)];
    expect(second.body).toEqual(first.body);
  });

  it("is refused where it does not fit, to viewers, and of what nobody knows", async () => {
    const id = await create();
    expect((await duplicate(id, { data: {} })).body.errors[0].field).toBe("/data/order");
    expect((await duplicate(id, { startAt: "2090-01-01T00:00:00Z" })).status).toBe(422);
    expect((await duplicate("cmp_01jd3v8qyee7fr8xmcsnh5hbcd")).status).toBe(404);
    const { secret } = await makeKey(api, { role: "viewer" });
    expect((await duplicate(id, {}, { authorization: `Bearer ${secret}` })).status).toBe(403);
    await api.prisma.template.updateMany({ data: { archivedAt: new Date() } });
    const archived = await duplicate(id);
    expect([archived.status, archived.body.errors[0].field]).toEqual([422, "/template/key"]);
    await api.prisma.template.updateMany({ data: { archivedAt: null } });
  });
});
