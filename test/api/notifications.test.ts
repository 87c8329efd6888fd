import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { shardOf } from "../../domain/delivery/queues.ts";
import { parsePublicId } from "../../domain/ids.ts";
import { type Api, sampleTemplate, seed, startApi } from "./harness.ts";
import { cpuMs } from "../support/cpu-time.ts";

let api: Api;
beforeAll(async () => {
  api = await startApi();
  await seed(api, 1_000);
});
afterAll(() => api.stop());

const body = { recipients: ["u0"], template: { key: sampleTemplate.key }, data: { order: "1" } };

interface DeliveryBody {
  id: string;
  recipient: string;
  queue: string;
}

describe("POST /v1/notifications", () => {
  it("owes each recipient one delivery, in the queue of its shard, and wakes those queues", async () => {
    api.woken.length = 0;
    const recipients = Array.from({ length: 20 }, (_, i) => `u${i}`);
    const reply = await api.send("POST", "/v1/notifications", { ...body, recipients });
    expect(reply.status).toBe(202);
    expect(reply.body).toEqual({ id: expect.stringMatching(/^ntf_/), deliveries: 20 });
    const { body: notification } = await api.send("GET", `/v1/notifications/${reply.body.id}`);
    expect(notification).toMatchObject({
      template: { key: sampleTemplate.key, version: 1 },
      priority: "normal",
      data: { order: "1" },
      counts: { pending: 20, sent: 0 },
    });
    const deliveries: DeliveryBody[] = notification.deliveries;
    for (const { recipient, queue } of deliveries)
      expect(queue).toBe(`mailbox/${shardOf(parsePublicId("recipient", recipient)!, 4)}`);
    expect([...api.woken].sort()).toEqual(
      [...new Set(deliveries.map(({ queue }) => queue))].sort(),
    );
  });

  it("takes a thousand, by either id, and notifies nobody twice", async () => {
    const { body: first } = await api.send("GET", "/v1/recipients/u0");
    const recipients = [first.id, "u0", ...Array.from({ length: 998 }, (_, i) => `u${i}`)];
    const before = cpuMs();
    const reply = await api.send("POST", "/v1/notifications", { ...body, recipients });
    expect(reply.body).toMatchObject({ deliveries: 998 });
    expect(cpuMs() - before).toBeLessThan(5_000);
  });

  it("keeps critical ones in queues of their own, and later ones for later", async () => {
    const sendAt = "2099-01-01T09:00:00.000Z";
    const reply = await api.send("POST", "/v1/notifications", {
      ...body,
      priority: "critical",
      sendAt: "2099-01-01T10:00:00+01:00",
    });
    const { body: notification } = await api.send("GET", `/v1/notifications/${reply.body.id}`);
    expect(notification).toMatchObject({ priority: "critical", sendAt });
    expect(notification.deliveries[0]).toMatchObject({
      queue: expect.stringMatching(/^critical\//),
      dueAt: sendAt,
      status: "pending",
    });
  });

  it("sends at once what was due in the past", async () => {
    const before = Date.now();
    const reply = await api.send("POST", "/v1/notifications", {
      ...body,
      sendAt: "2001-01-01T00:00:00Z",
    });
    const { body: notification } = await api.send("GET", `/v1/notifications/${reply.body.id}`);
    expect(Date.parse(notification.deliveries[0].dueAt)).toBeGreaterThanOrEqual(before);
  });

  it("names every recipient that there is not, and writes nothing", async () => {
    const count = await api.prisma.delivery.count();
    const reply = await api.send("POST", "/v1/notifications", {
      ...body,
      recipients: ["u0", "nobody", "rcp_01jd3v8qyee7fr8xmcsnh5hbcd", "rcp_broken"],
      data: {},
    });
    expect(reply.status).toBe(422);
    expect(reply.body.errors.map(({ field }: { field: string }) => field)).toEqual([
      "/data/order",
      "/recipients/1",
      "/recipients/2",
      "/recipients/3",
    ]);
    expect(await api.prisma.delivery.count()).toBe(count);
  });

  it("goes by the latest version at once, also one that asks for other data", async () => {
    await api.send("POST", "/v1/templates", { ...sampleTemplate, key: "changing" });
    const changing = { ...body, template: { key: "changing" } };
    expect((await api.send("POST", "/v1/notifications", changing)).status).toBe(202);
    // As another process would: this one's cache is not notified.
    await api.send("POST", "/v1/templates/changing/versions", {
      content: sampleTemplate.content,
      variables: {
        type: "object",
        properties: { parcel: { type: "string" } },
        required: ["parcel"],
      },
    });
    expect((await api.send("POST", "/v1/notifications", changing)).body.errors[0].field).toBe(
      "/data/parcel",
    );
    const reply = await api.send("POST", "/v1/notifications", {
      ...changing,
      data: { parcel: "7" },
    });
    expect(
      (await api.send("GET", `/v1/notifications/${reply.body.id}`)).body.template.version,
    ).toBe(2);
    expect(
      (
        await api.send("POST", "/v1/notifications", {
          ...changing,
          template: { key: "changing", version: 1 },
        })
      ).status,
    ).toBe(202);
  });
});

describe("GET /v1/deliveries/{id}", () => {
  it("shows one with its attempts", async () => {
    const { body: accepted } = await api.send("POST", "/v1/notifications", body);
    const { body: notification } = await api.send("GET", `/v1/notifications/${accepted.id}`);
    const { id } = notification.deliveries[0] as DeliveryBody;
    await api.prisma.earlierAttempt.create({
      data: {
        deliveryId: parsePublicId("delivery", id)!,
        number: 1,
        provider: "smtp-1",
        outcome: "transient",
        failure: "smtp_4xx",
        response: "450 later",
        startedAt: new Date(0),
        finishedAt: new Date(5),
      },
    });
    const reply = await api.send("GET", `/v1/deliveries/${id}`);
    expect(reply.body).toMatchObject({
      id,
      source: accepted.id,
      status: "pending",
      reason: null,
      attempts: [
        {
          number: 1,
          provider: "smtp-1",
          outcome: "transient",
          failure: "smtp_4xx",
          response: "450 later",
          startedAt: "1970-01-01T00:00:00.000Z",
        },
      ],
    });
    expect(JSON.stringify(reply.body)).not.toContain("example.org");
  });

  it("is a 404 for any other id", async () => {
    for (const id of ["dlv_01jd3v8qyee7fr8xmcsnh5hbcd", "ntf_01jd3v8qyee7fr8xmcsnh5hbcd", "1"])
      expect((await api.send("GET", `/v1/deliveries/${id}`)).status).toBe(404);
  });
});
