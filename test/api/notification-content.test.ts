import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createRecordingWorker } from "../support/recording-worker.ts";
import { type Api, seed, startApi } from "./harness.ts";

let api: Api;
beforeAll(async () => {
  api = await startApi();
  await seed(api, 4);
});
afterAll(() => api.stop());

const post = (more: object, headers: Record<string, string> = {}) =>
  api.send("POST", "/v1/notifications", { recipients: ["u0"], ...more }, headers);
const read = async (id: string) => (await api.send("GET", `/v1/notifications/${id}`)).body;
const countContents = () => api.prisma.inlineContent.count();

describe("a notification with a content of its own", () => {
  it("is shown with it, and has no template", async () => {
    const content = { email: { subject: "Hello {{ name }}", html: "<p>{{ name }}</p>" } };
    const { status, body } = await post({ content, data: { name: "Ada" } });
    expect(status).toBe(202);
    expect(await read(body.id)).toMatchObject({ template: null, content, data: { name: "Ada" } });
    const { body: list } = await api.send("GET", "/v1/notifications?limit=1");
    expect(list.items[0]).toMatchObject({ id: body.id, template: null });
    const { body: templates } = await api.send("GET", "/v1/templates");
    expect(templates.items).toHaveLength(1);
  });

  it("may be as short as a subject or title, a body, and a link", async () => {
    const url = "https://example.org/{{ n }}";
    const { body: one } = await post({ content: { subject: "S", body: "B" } });
    expect((await read(one.id)).content).toEqual({ in_app: { title: "S", body: "B" } });
    const { body: other } = await post({ content: { title: "T", body: "B", url } });
    expect((await read(other.id)).content).toEqual({ in_app: { title: "T", body: "B", url } });
  });

  it("is sent with the data, and in the locale of its recipient", async () => {
    await api.send("PUT", "/v1/recipients/u3", { email: "u3@example.org", locale: "de-AT" });
    const content = {
      email: { subject: "Hello {{ name }}", html: "<p>{{ name }}</p>" },
      locales: { de: { email: { subject: "Hallo {{ name }}" } } },
    };
    const { body } = await post({ recipients: ["u3"], content, data: { name: "Ada" } });
    const { deliveries } = await read(body.id);
    const worker = createRecordingWorker(api.pool);
    await worker.dispatch(deliveries[0].queue);
    const [request] = worker.requests.filter(({ messageId }) => messageId === deliveries[0].id);
    expect(request).toMatchObject({ content, data: { name: "Ada" } });
    expect((await read(body.id)).deliveries[0].status).toBe("sent");
  });

  it("stores equal contents once, also for simultaneous requests", async () => {
    const before = await countContents();
    const content = { subject: "Once", body: "for all" };
    await Promise.all(Array.from({ length: 8 }, () => post({ content })));
    await post({ content: { body: "for all", subject: "Once" } });
    expect(await countContents()).toBe(before + 1);
  });

  it("is accepted again after its content was removed meanwhile", async () => {
    const content = { subject: "Removed", body: "meanwhile" };
    const { body } = await post({ content });
    const where = {
      notificationId: (await api.prisma.notification.findFirstOrThrow({ orderBy: { id: "desc" } }))
        .id,
    };
    await api.prisma.openDelivery.deleteMany({ where });
    await api.prisma.notification.delete({ where: { id: where.notificationId } });
    await api.prisma.inlineContent.deleteMany({ where: { notifications: { none: {} } } });
    expect((await api.send("GET", `/v1/notifications/${body.id}`)).status).toBe(404);
    expect((await post({ content })).status).toBe(202);
  });

  it("includes layouts as they are now", async () => {
    await api.send("POST", "/v1/layouts", {
      key: "plain",
      name: "Plain",
      html: "<i>{{ content_for_layout }}</i>",
    });
    const content = { email: { subject: "S", html: '{% layout "plain" %}<p>x</p>' } };
    const { body } = await post({ content });
    expect((await read(body.id)).content.email.html).toContain("<i>");
  });

  it("repeats its answer under an idempotency key", async () => {
    const headers = { "idempotency-key": "content-1" };
    const content = { subject: "Key", body: "text" };
    const first = await post({ content }, headers);
    const second = await post({ content }, headers);
    expect(second.body).toEqual(first.body);
    expect((await post({ content: { subject: "Other", body: "text" } }, headers)).status).toBe(422);
  });
});

describe("a content is refused", () => {
  it.each([
    [
      "with a template",
      { content: { subject: "S", body: "B" }, template: { key: "order-shipped" } },
      "/content",
    ],
    ["if it is missing, and the template too", {}, "/template"],
    ["if it has no text", { content: { subject: "S" } }, "/content/body"],
    ["if a field is unknown", { content: { subject: "S", body: "B", html: "x" } }, "/content/html"],
    ["if it is too long", { content: { subject: "S", body: "x".repeat(262_144) } }, "/content"],
  ])("%s", async (_, body, field) => {
    const reply = await post(body);
    expect(reply.status).toBe(422);
    expect(reply.body.errors).toContainEqual(expect.objectContaining({ field }));
  });

  it("if it cannot be parsed, with line and column in the field that was sent", async () => {
    const before = await countContents();
    const { status, body } = await post({ content: { subject: "{{ a", body: "one\n{% if %}" } });
    expect(status).toBe(422);
    expect(body.errors).toEqual([
      expect.objectContaining({ field: "/content/subject", line: 1 }),
      expect.objectContaining({ field: "/content/body", line: 2, column: expect.any(Number) }),
    ]);
    const whole = await post({ content: { email: { subject: "S", html: "{{ a" } } });
    expect(whole.body.errors).toEqual([
      expect.objectContaining({ field: "/content/email/html", line: 1 }),
    ]);
    expect(await countContents()).toBe(before);
  });
});
