import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Api, type Reply, sampleTemplate, seed, startApi } from "./harness.ts";
import { transactionLimits } from "../support/patience.ts";

let api: Api;
beforeAll(async () => {
  api = await startApi();
  await seed(api, 3);
});
afterAll(() => api.stop());

const notification = {
  recipients: ["u0"],
  template: { key: sampleTemplate.key },
  data: { order: "1" },
};
const campaign = {
  name: "c",
  template: { key: sampleTemplate.key },
  data: { order: "1" },
  audience: { all: true },
};
const makers: [string, string, object, () => Promise<number>][] = [
  ["notifications", "/v1/notifications", notification, () => api.prisma.notification.count()],
  ["campaigns", "/v1/campaigns", campaign, () => api.prisma.campaign.count()],
];

/** A key as the database has it, for its caller may have written anything into it. */
const kept = (key: string) => createHash("sha256").update(key).digest("hex");

const post = (path: string, body: object | undefined, key: string) =>
  api.send("POST", path, body, { "idempotency-key": key });

describe.each(makers)("an Idempotency-Key on %s", (name, path, body, count) => {
  it("has one effect for a hundred requests at once, and one answer", async () => {
    const before = await count();
    const replies: Reply[] = await Promise.all(
      Array.from({ length: 100 }, () => post(path, body, `storm-${name}`)),
    );
    const running = replies.filter(({ status }) => status === 409);
    for (const reply of running) {
      expect(reply.body.type).toBe("urn:tidings:problem:request-running");
      expect(reply.headers.get("retry-after")).toBe("1");
    }
    const done = replies.filter(({ status }) => status < 300);
    expect(done.length + running.length).toBe(100);
    expect(new Set(done.map((reply) => reply.body.id)).size).toBe(1);
    expect(done.filter(({ headers }) => headers.get("idempotency-replayed") === null)).toHaveLength(
      1,
    );
    expect(await count()).toBe(before + 1);
  });

  it("replays the first answer to the byte, whatever the order of keys", async () => {
    const first = await post(path, body, `again-${name}`);
    const shuffled = Object.fromEntries(Object.entries(body).reverse());
    const again = await post(path, shuffled, `again-${name}`);
    expect(again.status).toBe(first.status);
    expect(JSON.stringify(again.body)).toBe(JSON.stringify(first.body));
    expect(again.headers.get("idempotency-replayed")).toBe("true");
  });

  it("refuses another body and another path", async () => {
    await post(path, body, `other-${name}`);
    expect(await post(path, { ...body, priority: "high" }, `other-${name}`)).toMatchObject({
      status: 422,
      body: { type: "urn:tidings:problem:key-reused" },
    });
    expect(
      await post("/v1/templates", { ...sampleTemplate, key: "x" }, `other-${name}`),
    ).toMatchObject({
      status: 422,
    });
  });

  it("keeps no answer that was a refusal", async () => {
    expect((await post(path, { ...body, data: {} }, `mended-${name}`)).status).toBe(422);
    expect((await post(path, body, `mended-${name}`)).status).toBeLessThan(300);
  });

  it("says that a request is running while another transaction holds the key, and is free the moment that ends", async () => {
    const before = await count();
    await expect(
      api.prisma.$transaction(async (tx) => {
        await tx.$queryRaw`SELECT pg_try_advisory_xact_lock(hashtextextended(${`bootstrap ${kept(`hung-${name}`)}`}, 0))::text`;
        expect((await post(path, body, `hung-${name}`)).status).toBe(409);
        throw new Error("crashed");
      }, transactionLimits),
    ).rejects.toThrow("crashed");
    expect((await post(path, body, `hung-${name}`)).status).toBeLessThan(300);
    expect(await count()).toBe(before + 1);
  });

  it("is one key in double quotes and without, escapes and parameters aside", async () => {
    const first = await post(path, body, `quoted-${name}`);
    for (const key of [`"quoted-${name}"`, `"quoted-${name}";v=1`])
      expect((await post(path, body, key)).body).toEqual(first.body);
    const escaped = await post(path, body, String.raw`"a \"b\" \\ ${name}"`);
    expect(escaped.body.id).not.toBe(first.body.id);
    const key = kept(String.raw`a "b" \ ${name}`);
    expect(await api.prisma.idempotencyKey.count({ where: { key } })).toBe(1);
  });

  it.each(["", "a b", "x".repeat(256), "ü", '"', '""', '"a', String.raw`"a\b"`, '"a"b'])(
    "must be a plain one: not %j",
    async (key) => {
      const reply = await post(path, body, key);
      expect(reply.status).toBe(422);
      expect(reply.body.errors).toEqual([
        {
          in: "header",
          field: "idempotency-key",
          message: expect.stringContaining("visible ASCII"),
        },
      ]);
    },
  );
});

it("replays although the data would not be accepted any more", async () => {
  await api.send("POST", "/v1/templates", { ...sampleTemplate, key: "changing" });
  const body = { ...notification, template: { key: "changing" } };
  const first = await post("/v1/notifications", body, "old");
  await api.send("POST", "/v1/templates/changing/versions", {
    content: sampleTemplate.content,
    variables: { type: "object", properties: { more: { type: "string" } }, required: ["more"] },
  });
  expect((await post("/v1/notifications", body, "old")).body).toEqual(first.body);
  expect((await post("/v1/notifications", body, "new")).status).toBe(422);
});

it("makes an action on a campaign repeatable", async () => {
  const { body } = await api.send("POST", "/v1/campaigns", campaign);
  const path = `/v1/campaigns/${body.id}/cancel`;
  const first = await post(path, undefined, "cancel");
  expect(first.body.status).toBe("cancelled");
  expect((await post(path, undefined, "cancel")).body).toEqual(first.body);
  expect((await api.send("POST", path)).status).toBe(409);
});
