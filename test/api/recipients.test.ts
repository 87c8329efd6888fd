import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Api, seed, startApi } from "./harness.ts";

let api: Api;
beforeAll(async () => {
  api = await startApi();
  await seed(api, 10);
});
afterAll(() => api.stop());

describe("PUT /v1/recipients/{externalId}", () => {
  it("creates, then replaces, and fills what is left out", async () => {
    const created = await api.send("PUT", "/v1/recipients/ada", {
      email: "ada@example.org",
      timeZone: "Europe/London",
      locale: "EN-gb",
      attributes: { plan: "pro" },
    });
    expect(created.status).toBe(201);
    expect(created.body).toMatchObject({
      externalId: "ada",
      email: "ada@example.org",
      phone: null,
      timeZone: "Europe/London",
      locale: "en-GB",
      attributes: { plan: "pro" },
    });
    expect(created.body.id).toMatch(/^rcp_[0-9a-z]{26}$/);
    const replaced = await api.send("PUT", "/v1/recipients/ada", { phone: "+4915112345678" });
    expect(replaced.status).toBe(200);
    expect(replaced.body).toMatchObject({
      id: created.body.id,
      email: null,
      phone: "+4915112345678",
      timeZone: "UTC",
      locale: "en",
      attributes: {},
    });
    expect(replaced.body.createdAt).toBe(created.body.createdAt);
  });

  it("takes any text as an external id, percent-encoded", async () => {
    const externalId = "tenant/7 ü+%?#";
    const { body } = await api.send("PUT", `/v1/recipients/${encodeURIComponent(externalId)}`, {});
    expect(body.externalId).toBe(externalId);
    expect(
      (await api.send("GET", `/v1/recipients/${encodeURIComponent(externalId)}`)).body.id,
    ).toBe(body.id);
  });

  it.each([
    ["/email", { email: "not an address" }],
    ["/email", { email: "a@b\r\nBcc: c@d" }],
    ["/phone", { phone: "0151 123" }],
    ["/timeZone", { timeZone: "Mars/Olympus" }],
    ["/timeZone", { timeZone: "+01:00" }],
    ["/locale", { locale: "not_a_locale" }],
    ["/attributes", { attributes: [] }],
    ["/attributes", { attributes: { text: "x".repeat(20_000) } }],
    [
      "/attributes/a/a/a/a/a/a/a/a",
      { attributes: { a: { a: { a: { a: { a: { a: { a: { a: {} } } } } } } } } },
    ],
    ["/attributes/name", { attributes: { name: "a\u0000" } }],
    ["/attributes/name", '{"attributes": {"name": "\\ud800"}}'],
    ["/attributes/n", '{"attributes": {"n": 1e400}}'],
    ["/attributes/n", '{"attributes": {"n": 9007199254740993}}'],
    ["/attributes/n", '{"attributes": {"n": 1, "n": 2}}'],
    ["/email", { email: "a@xn--a.example" }],
    ["/mail", { mail: "x" }],
    ["", []],
  ])("refuses a bad %s and names it", async (field, body) => {
    const reply = await api.send("PUT", "/v1/recipients/bad", body);
    expect(reply.status).toBe(422);
    expect(reply.headers.get("content-type")).toBe("application/problem+json");
    expect(reply.body.errors).toContainEqual({
      in: "body",
      field,
      message: expect.stringMatching(/must|is unknown/),
    });
    expect((await api.send("GET", "/v1/recipients/bad")).status).toBe(404);
  });

  it("refuses external ids that look like ours, are too long or hold what cannot be stored", async () => {
    for (const id of ["rcp_1", "x".repeat(201), "%00", "%20ada", "ada%C2%A0", "ada%E2%80%8B"]) {
      const reply = await api.send("PUT", `/v1/recipients/${id}`, {});
      expect(reply.status).toBe(422);
      expect(reply.body.errors[0]).toMatchObject({ in: "path", field: "recipient" });
    }
  });
});

describe("an address", () => {
  it("is kept and compared in one form of Unicode, so that a suppression of another holds", async () => {
    const { body } = await api.send("PUT", "/v1/recipients/rene", {
      email: "rene\u0301@example.org",
    });
    expect(body.email).toBe("ren\u00e9@example.org");
    for (const address of ["rene\u0301@example.org", "REN\u00c9@example.org"]) {
      const added = await api.send("POST", "/v1/suppressions", { channel: "email", address });
      expect(added.body.address).toBe("ren\u00e9@example.org");
    }
    const filter = { field: "email", in: ["rene\u0301@EXAMPLE.org"] };
    expect((await api.send("POST", "/v1/segments/preview", { filter })).body.count).toBe(1);
  });
});

describe("DELETE /v1/recipients/{recipient}", () => {
  it("leaves a tombstone without personal data and cancels what is pending, once and for all", async () => {
    const { body: recipient } = await api.send("PUT", "/v1/recipients/eve", {
      email: "eve@example.org",
      attributes: { name: "Eve" },
    });
    const { body: notification } = await api.send("POST", "/v1/notifications", {
      recipients: ["eve", "u1"],
      template: { key: "order-shipped" },
      data: { order: "1" },
    });
    expect((await api.send("DELETE", "/v1/recipients/eve")).status).toBe(200);
    expect((await api.send("DELETE", "/v1/recipients/eve")).status).toBe(200);
    expect((await api.send("DELETE", `/v1/recipients/${recipient.id}`)).status).toBe(200);

    expect((await api.send("GET", "/v1/recipients/eve")).status).toBe(404);
    const gone = await api.send("GET", `/v1/recipients/${recipient.id}`);
    expect(gone.status).toBe(410);
    expect(JSON.stringify(gone.body)).not.toContain("Eve");
    const { body } = await api.send("GET", `/v1/notifications/${notification.id}`);
    expect(body.counts).toMatchObject({ pending: 1, cancelled: 1 });
    expect(
      body.deliveries.find((row: { recipient: string }) => row.recipient === recipient.id),
    ).toMatchObject({ status: "cancelled", reason: "recipient_erased", dueAt: null });
    const [row] = await api.prisma.$queryRaw<
      { row: string }[]
    >`SELECT row_to_json(r)::text AS row FROM recipients r WHERE erased_at IS NOT NULL`;
    expect(row!.row).not.toMatch(/eve/i);
  });

  it("frees the external id for a new recipient, and the erased one cannot be notified any more", async () => {
    const { body: first } = await api.send("PUT", "/v1/recipients/bob", {});
    await api.send("DELETE", `/v1/recipients/${first.id}`);
    const refused = await api.send("POST", "/v1/notifications", {
      recipients: [first.id],
      template: { key: "order-shipped" },
      data: { order: "1" },
    });
    expect(refused.status).toBe(422);
    const { status, body: second } = await api.send("PUT", "/v1/recipients/bob", {});
    expect(status).toBe(201);
    expect(second.id).not.toBe(first.id);
  });

  it("never leaves a pending row behind, however notifications and erasure meet", async () => {
    for (let round = 0; round < 10; round += 1) {
      await api.send("PUT", "/v1/recipients/raced", {});
      const notify = () =>
        api.send("POST", "/v1/notifications", {
          recipients: ["raced", "u2"],
          template: { key: "order-shipped" },
          data: { order: "1" },
        });
      const replies = await Promise.all([
        notify(),
        notify(),
        api.send("DELETE", "/v1/recipients/raced"),
        notify(),
        notify(),
      ]);
      expect(replies.every(({ status }) => [200, 202, 422].includes(status))).toBe(true);
    }
    expect(
      await api.prisma.openDelivery.count({
        where: { recipient: { erasedAt: { not: null } } },
      }),
    ).toBe(0);
  });
});
