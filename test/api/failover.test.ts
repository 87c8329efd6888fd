import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parsePublicId, publicId } from "../../domain/ids.ts";
import { createDiversions } from "../../ledger/diversions.ts";
import { type Api, sampleTemplate, seed, startApi } from "./harness.ts";

let api: Api;
beforeAll(async () => {
  api = await startApi();
  await seed(api, 1);
});
afterAll(() => api.stop());

/** A delivery that left email a minute after email went out of service. */
async function divertDelivery() {
  const reply = await api.send("POST", "/v1/notifications", {
    recipients: ["u0"],
    template: { key: sampleTemplate.key },
    data: { order: "A-17" },
    priority: "critical",
    route: { stages: [{ via: ["email", "in_app"] }] },
  });
  expect([reply.status, reply.body.errors]).toEqual([202, undefined]);
  const { rows } = await api.pool.query<{ id: string; dueAt: Date }>(
    `SELECT id, due_at AS "dueAt" FROM open_deliveries WHERE notification_id = $1`,
    [parsePublicId("notification", reply.body.id)],
  );
  const [{ id, dueAt }] = rows as [{ id: string; dueAt: Date }];
  const outSince = new Date(dueAt.getTime() - 60_000);
  const delivery = { id, channel: "email" as const, dueAt, group: null };
  const moved = await createDiversions(api.pool).divert([
    { delivery, next: "in_app", left: [{ channel: "email", outSince }] },
  ]);
  expect(moved).toEqual([id]);
  return { path: `/v1/deliveries/${publicId("delivery", id)}`, id, outSince };
}

describe("a delivery that left a channel during an outage", () => {
  it("says so with the begin of the outage, in its explanation, by itself and in the timeline", async () => {
    const { path, id, outSince } = await divertDelivery();
    const since = outSince.toISOString();
    const { body: explanation } = await api.send("GET", `${path}/explanation`);
    expect(explanation).toMatchObject({
      reason: "next_channel",
      summary: expect.stringContaining(
        `It left the channel \`email\`, which had been out of service since ${since}`,
      ),
      route: {
        channel: "in_app",
        passedOver: [{ channel: "email", why: "out_of_service", since }],
      },
    });
    const { body: delivery } = await api.send("GET", path);
    const outages = [{ channel: "email", since, leftAt: expect.any(String) }];
    expect(delivery).toMatchObject({ channel: "in_app", failedChannels: ["email"], outages });
    const { body: timeline } = await api.send("GET", "/v1/recipients/u0/timeline");
    expect(timeline.waiting).toContainEqual(
      expect.objectContaining({ id: publicId("delivery", id), channel: "in_app", outages }),
    );
  });

  it("does not move a delivery that has changed since it was read", async () => {
    const { id } = await divertDelivery();
    const { rows } = await api.pool.query<{ dueAt: Date }>(
      `SELECT due_at AS "dueAt" FROM open_deliveries WHERE id = $1`,
      [id],
    );
    const { dueAt } = rows[0]!;
    const diversions = createDiversions(api.pool);
    const left = [{ channel: "in_app" as const, outSince: dueAt }];
    const stale = [
      { id, channel: "email" as const, dueAt, group: null },
      { id, channel: "in_app" as const, dueAt: new Date(dueAt.getTime() - 1), group: null },
    ];
    for (const delivery of stale)
      expect(await diversions.divert([{ delivery, next: "push", left }])).toEqual([]);
    const { rows: recorded } = await api.pool.query(
      "SELECT channel FROM diversions WHERE delivery_id = $1",
      [id],
    );
    expect(recorded).toEqual([{ channel: "email" }]);
  });
});
