import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createCampaignWorker } from "../support/campaign-worker.ts";
import { type Api, sampleTemplate, seed, startApi } from "./harness.ts";

let api: Api;
beforeAll(async () => {
  api = await startApi();
  await seed(api, 3);
  for (const type of [
    { key: "offer", name: "Offers", priority: "low", batchable: true },
    { key: "alarm", name: "Alarms", priority: "critical" },
    { key: "short", name: "By SMS", channels: ["sms"] },
  ])
    await api.send("POST", "/v1/notification-types", type);
});
afterAll(() => api.stop());

const post = (part: object) =>
  api.send("POST", "/v1/campaigns", {
    name: "Spring",
    template: { key: sampleTemplate.key },
    audience: { all: true },
    data: { order: "1" },
    ...part,
  });
async function create(part: object): Promise<string> {
  const { status, body } = await post(part);
  expect([status, body.errors]).toEqual([201, undefined]);
  return body.id;
}
const act = (id: string, action: string, body?: object) =>
  api.send("POST", `/v1/campaigns/${id}/${action}`, body);
const edit = (id: string, change: object, query = "") =>
  api.send("PATCH", `/v1/campaigns/${id}${query}`, change, { "if-match": "*" });

const unusable = {
  nobody: "names no notification type: create the type first with POST /v1/notification-types",
  short:
    "names a type that allows none of the channels on which messages are sent: email, push, in_app",
};

describe("the type of a campaign", () => {
  it("gives it its priority where it has none of its own", async () => {
    expect((await post({ type: "offer" })).body).toMatchObject({ type: "offer", priority: "low" });
    expect((await post({ type: "alarm" })).body).toMatchObject({ priority: "critical" });
    expect((await post({ type: "offer", priority: "high" })).body).toMatchObject({
      type: "offer",
      priority: "high",
    });
    expect((await post({})).body).toMatchObject({ type: null, priority: "normal" });
  });

  it.each(Object.entries(unusable))("cannot be %s, wherever it is named", async (type, message) => {
    const id = await create({ type: "offer" });
    const recalled = await create({ startAt: "2090-01-01T00:00:00Z" });
    await act(recalled, "recall");
    const correction = {
      name: "Sorry",
      template: { key: sampleTemplate.key },
      data: { order: "2" },
    };
    for (const { status, body } of [
      await post({ type }),
      await edit(id, { type }),
      await edit(id, { type }, "?dryRun=true"),
      await act(id, "duplicate", { type }),
      await act(recalled, "correction", { ...correction, type }),
    ]) {
      expect(status).toBe(422);
      expect(body.errors).toEqual([{ in: "body", field: "/type", message }]);
    }
  });

  it("can be another, or none, until the audience is frozen; the priority stays", async () => {
    const id = await create({ type: "offer" });
    const edited = await edit(id, { type: "alarm" });
    expect(edited.body).toMatchObject({ type: "alarm", priority: "low" });
    expect((await edit(id, { type: null })).body.type).toBeNull();
    const preview = await edit(id, { type: "offer" }, "?dryRun=true");
    expect(preview.body.changes).toEqual({ type: { from: null, to: "offer" } });
    await edit(id, { type: "offer" });
    await act(id, "start");
    await createCampaignWorker(api.pool).advance(id);
    const refused = await edit(id, { type: "alarm" });
    expect(refused.status).toBe(409);
    expect(refused.body.errors).toMatchObject([{ in: "body", field: "/type" }]);
    const same = await edit(id, { type: "offer", name: "Summer" });
    expect(same.body).toMatchObject({ type: "offer", name: "Summer" });
  });

  it("is kept by a duplicate and by a correction, unless they name another, or none", async () => {
    const id = await create({ type: "offer", startAt: "2090-01-01T00:00:00Z" });
    await act(id, "recall");
    const correction = {
      name: "Sorry",
      template: { key: sampleTemplate.key },
      data: { order: "2" },
      start: false,
    };
    for (const [told, becomes] of [
      [{}, "offer"],
      [{ type: "alarm" }, "alarm"],
      [{ type: null }, null],
    ] as const) {
      const duplicate = await act(id, "duplicate", told);
      expect(duplicate.body).toMatchObject({ type: becomes, priority: "low" });
      const corrected = await act(id, "correction", { ...correction, ...told });
      expect(corrected.body).toMatchObject({ type: becomes, priority: "low" });
      await act(corrected.body.id, "cancel");
    }
  });

  it("is what campaigns are found by, and keeps the type from being deleted", async () => {
    const type = { key: "rare", name: "Rare" };
    await api.send("POST", "/v1/notification-types", type);
    const id = await create({ type: "rare" });
    await create({ type: "offer" });
    const listed = await api.send("GET", "/v1/campaigns?type=rare");
    const alone = (await api.send("GET", `/v1/campaigns/${id}`)).body;
    expect(listed.body.items).toEqual([alone]);
    expect((await api.send("GET", "/v1/campaigns?type=nobody")).body.items).toEqual([]);
    expect((await api.send("DELETE", "/v1/notification-types/rare")).status).toBe(409);
  });
});
