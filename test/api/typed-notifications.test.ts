import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Api, makeKey, sampleTemplate, seed, startApi } from "./harness.ts";

let api: Api;
beforeAll(async () => {
  api = await startApi();
  await seed(api, 5);
});
afterAll(() => api.stop());

const body = { recipients: ["u0"], template: { key: sampleTemplate.key }, data: { order: "1" } };
const post = (wanted: Record<string, unknown>, headers: Record<string, string> = {}) =>
  api.send("POST", "/v1/notifications", { ...body, ...wanted }, headers);
const read = async (id: string) => (await api.send("GET", `/v1/notifications/${id}`)).body;

describe("a notification of a type", () => {
  it("takes the type's priority, and keeps what it is about", async () => {
    const wanted = {
      type: "report.weekly",
      occursAt: "2027-03-01T17:00:00.000Z",
      expiresAt: "2027-03-02T17:00:00.000Z",
      entityId: "report-9",
      dedupKey: "report-9",
      collapseKey: "report",
      batchable: false,
      actions: [{ action: "complete", label: "Read" }],
    };
    const reply = await post(wanted);
    expect(reply.status).toBe(202);
    expect(await read(reply.body.id)).toMatchObject({
      ...wanted,
      priority: "low",
      bypassRateLimit: false,
      counts: { pending: 1 },
    });
  });

  it("uses its own priority if it has one", async () => {
    const reply = await post({ type: "report.weekly", priority: "high" });
    expect(await read(reply.body.id)).toMatchObject({ type: "report.weekly", priority: "high" });
  });

  it("is in the critical queue where its type is critical", async () => {
    const reply = await post({ type: "security.alert" });
    const { priority, deliveries } = await read(reply.body.id);
    expect(priority).toBe("critical");
    expect(deliveries[0].queue).toMatch(/^critical\//);
  });

  it("is found by its type", async () => {
    await post({ type: "habit.reminder" });
    const { body: page } = await api.send("GET", "/v1/notifications?type=habit.reminder");
    expect(page.items.length).toBeGreaterThan(0);
    for (const { type } of page.items) expect(type).toBe("habit.reminder");
  });

  it.each([
    [{ type: "no.such" }, "/type", "names no notification type"],
    [{ batchable: true }, "/batchable", ""],
    [{ occursAt: "tomorrow" }, "/occursAt", "ISO 8601"],
    [{ entityId: "" }, "/entityId", "must not be empty"],
    [
      { actions: [{ action: "dance" }] },
      "/actions/0/action",
      'must be "view" or "snooze" or "complete"',
    ],
    [{ actions: [{}] }, "/actions/0/action", 'must be "view" or "snooze" or "complete"'],
  ])("refuses %j, naming the field", async (wanted, field, message) => {
    const reply = await post(wanted);
    expect(reply.status).toBe(422);
    expect(reply.body.errors).toEqual([
      expect.objectContaining({ field, message: expect.stringContaining(message) }),
    ]);
  });

  it("may not be of a type that goes out by no channel there is", async () => {
    await api.pool.query(
      `INSERT INTO notification_types (id, key, document) VALUES (gen_random_uuid(), 'only.sms', '{"name":"Only SMS","channels":["sms"]}')`,
    );
    expect((await post({ type: "only.sms" })).status).toBe(422);
  });
});

describe("bypassRateLimit", () => {
  it("is for admins, and leaves a trace", async () => {
    const { secret } = await makeKey(api, { role: "sender" });
    const refused = await post({ bypassRateLimit: true }, { authorization: `Bearer ${secret}` });
    expect(refused.status).toBe(403);

    const reply = await post({ bypassRateLimit: true });
    expect(reply.status).toBe(202);
    expect(await read(reply.body.id)).toMatchObject({ bypassRateLimit: true });
    const { body: audit } = await api.send(
      "GET",
      `/v1/audit?resource=${reply.body.id}&action=notification.bypass-rate-limit`,
    );
    expect(audit.items).toHaveLength(1);
  });
});
