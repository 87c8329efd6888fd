import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Api, sampleTemplate, seed, startApi } from "./harness.ts";

let api: Api;
beforeAll(async () => {
  api = await startApi();
  await seed(api, 2);
});
afterAll(() => api.stop());

const path = `/v1/templates/${sampleTemplate.key}`;

describe("a preview", () => {
  it("is for a recipient, an example recipient, or a default one", async () => {
    const stored = await api.send("POST", `${path}/preview`, {
      data: { order: "A-1" },
      recipient: "u0",
    });
    expect(stored.body).toEqual({
      version: 1,
      channel: "email",
      locale: null,
      derivedFrom: null,
      subject: "Order A-1 is on its way",
      html: "<p>Hello N0, A-1 is on its way.</p>",
      text: "Hello N0, A-1 is on its way.",
      headers: { fromName: null, fromAddress: null, replyTo: null },
      bytes: { html: 35, text: 28 },
      warnings: [],
    });
    const inline = await api.send("POST", `${path}/preview`, {
      data: { order: "A-1" },
      recipient: { attributes: { name: "<Ada>" } },
    });
    expect(inline.body.html).toContain("Hello &lt;Ada&gt;,");
    expect((await api.send("POST", `${path}/preview`, { data: { order: "A-1" } })).status).toBe(
      200,
    );
  });

  it("warns of HTML that Gmail clips, counted in bytes of what it is filled to", async () => {
    const content = { email: { subject: "S", html: "<p>{{ a }}</p>" } };
    await api.send("POST", "/v1/templates", { key: "grows", name: "Grows", content });
    const previewed = async (length: number) => {
      const data = { a: "é".repeat(length) };
      return (await api.send("POST", "/v1/templates/grows/preview", { data })).body.warnings;
    };
    expect(await previewed(52_220)).toEqual([]);
    expect(await previewed(52_221)).toEqual([
      {
        code: "html_clipped",
        message: expect.stringContaining("104449 bytes"),
        path: "/html",
      },
    ]);
  });

  it("says in its text what its html says", async () => {
    const html =
      "{% assign total = 3 | times: 4 %}<table>{% for item in items %}<tr><td>{{ item }}</td><td>{{ total }}</td></tr>{% endfor %}</table><p hidden>{{ total }}</p>";
    const content = { email: { subject: "S", html } };
    await api.send("POST", "/v1/templates", { key: "table", name: "Table", content });
    const data = { items: ["Tea & <b>", "Milk\rand honey"] };
    const { body } = await api.send("POST", "/v1/templates/table/preview", { data });
    expect(body.text).toBe("Tea & <b> 12\nMilk and honey 12");
  });

  it("of content that is not saved names the field, line and column of each error, and saves nothing", async () => {
    const counts = () =>
      Promise.all([api.prisma.template.count(), api.prisma.templateVersion.count()]);
    const before = await counts();
    const errorsOf = async (content: object, request: object = {}) =>
      (await api.send("POST", "/v1/templates/preview", { content, data: {}, ...request })).body
        .errors;
    const email = { subject: "S", html: "<p>\n {{ 1 | divided_by: n }}</p>" };
    expect(await errorsOf({ email: { subject: "{{ a", html: "x\n{% if %}" } })).toMatchObject([
      { field: "/content/email/subject", line: 1, column: 1 },
      { field: "/content/email/html", line: 2 },
    ]);
    const fault = { in: "body", line: 2, column: 2 };
    expect(await errorsOf({ email }, { data: { n: 0 } })).toMatchObject([
      { ...fault, field: "/content/email/html" },
    ]);
    const content = {
      email: { subject: "S", html: "H" },
      locales: { de: { email } },
    };
    expect(await errorsOf(content, { locale: "de-AT", data: { n: 0 } })).toMatchObject([
      { ...fault, field: "/content/locales/de/email/html" },
    ]);
    expect(await errorsOf({ email }, { channel: "push", data: { n: 0 } })).toMatchObject([
      { ...fault, field: "/content/email" },
    ]);
    const saved = { key: "divides", name: "D", content: { email } };
    await api.send("POST", "/v1/templates", saved);
    expect(
      (await api.send("POST", "/v1/templates/divides/preview", { data: { n: 0 } })).body.errors,
    ).toMatchObject([{ ...fault, field: "/data" }]);
    expect(await counts()).toEqual(before.map((count) => count + 1));
  });

  it("has the headers and the sizes of an email, and only of that", async () => {
    const email = {
      subject: "S",
      html: "<p>é</p>",
      fromName: "Shop",
      fromAddress: "shop@example.org",
    };
    const request = { content: { email }, data: {} };
    const { body } = await api.send("POST", "/v1/templates/preview", request);
    expect(body).toMatchObject({
      headers: { fromName: "Shop", fromAddress: "shop@example.org", replyTo: null },
      bytes: { html: 9, text: 2 },
    });
    const push = await api.send("POST", "/v1/templates/preview", { ...request, channel: "push" });
    expect(push.body).not.toHaveProperty("headers");
  });

  it("says what is missing", async () => {
    expect((await api.send("POST", `${path}/preview`, { data: {} })).body.errors[0]).toMatchObject({
      field: "/data/order",
      message: "is required",
    });
    expect(
      (await api.send("POST", `${path}/preview`, { data: { order: "1" }, recipient: "nobody" }))
        .body.errors[0].field,
    ).toBe("/recipient");
    expect(
      (await api.send("POST", `${path}/preview`, { data: { order: "1" }, version: 7 })).status,
    ).toBe(404);
    expect((await api.send("POST", `/v1/templates/none/preview`, {})).status).toBe(404);
  });
});

describe("a test of a template", () => {
  const test = { recipient: "u0", data: { order: "A-1" } };
  beforeAll(async () => {
    await api.send("POST", `${path}/versions`, {
      content: { email: { subject: "Next", html: "<p>next {{ order }}</p>" } },
      variables: sampleTemplate.variables,
      activate: false,
    });
  });

  it("is a notification like any other, marked, of the active version", async () => {
    api.woken.length = 0;
    const { status, body, headers } = await api.send("POST", `${path}/test`, test);
    expect(status).toBe(202);
    expect(body).toEqual({ id: expect.stringMatching(/^ntf_/), deliveries: 1 });
    const { body: made } = await api.send("GET", `/v1/notifications/${body.id}`);
    expect(made).toMatchObject({
      template: { key: sampleTemplate.key, version: 1 },
      data: test.data,
      counts: { pending: 1 },
    });
    expect(api.woken).toEqual([made.deliveries[0].queue]);
    const row = await api.prisma.notification.findFirstOrThrow({ orderBy: { id: "desc" } });
    expect(row).toMatchObject({
      test: true,
      createdBy: "bootstrap",
      requestId: headers.get("x-request-id"),
    });
  });

  it("may be of a version that is not the active one", async () => {
    const { body } = await api.send("POST", `${path}/test`, { ...test, version: 2 });
    expect((await api.send("GET", `/v1/notifications/${body.id}`)).body.template.version).toBe(2);
    expect((await api.send("GET", path)).body.activeVersion.version).toBe(1);
  });

  it("is sent once a key of idempotency", async () => {
    const headers = { "idempotency-key": "try-1" };
    const replies = await Promise.all(
      Array.from({ length: 5 }, () => api.send("POST", `${path}/test`, test, headers)),
    );
    const ids = replies.flatMap(({ status, body }) => (status === 202 ? [body.id as string] : []));
    expect(new Set(ids).size).toBe(1);
    expect(
      (await api.send("POST", `${path}/test`, { ...test, recipient: "u1" }, headers)).status,
    ).toBe(422);
  });

  it.each([
    ["body", "/recipient", { ...test, recipient: "nobody" }],
    ["body", "/recipient", { data: test.data }],
    ["body", "/data/order", { ...test, data: {} }],
    ["body", "/sendAt", { ...test, sendAt: "2099-01-01T00:00:00Z" }],
  ])("that cannot be made is refused with the fault named: %s %s", async (where, field, body) => {
    const count = await api.prisma.notification.count();
    const reply = await api.send("POST", `${path}/test`, body);
    expect(reply.status).toBe(422);
    expect(reply.body.errors[0]).toMatchObject({ in: where, field });
    expect(await api.prisma.notification.count()).toBe(count);
  });

  it("of a template or a version that there is not answers 404", async () => {
    expect((await api.send("POST", "/v1/templates/none/test", test)).status).toBe(404);
    expect((await api.send("POST", `${path}/test`, { ...test, version: 9 })).status).toBe(404);
  });
});
