import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Api, seed, startApi } from "./harness.ts";

let api: Api;
beforeAll(async () => {
  api = await startApi();
  await seed(api, 1);
});
afterAll(() => api.stop());

const content = {
  push: { title: "Order {{ number }}", body: "It is on its way.", url: "https://example.org/" },
  in_app: { title: "Order {{ number }}", body: "On its way", category: "orders" },
  locales: { "de-at": { push: { body: "Sie ist unterwegs." } } },
};

const save = (key: string, saved: object) =>
  api.send("POST", "/v1/templates", { key, name: "Order", content: saved });

describe("the content of a template by channel", () => {
  it("is saved, shown and copied, with canonical language tags", async () => {
    const made = await save("by-channel", content);
    const stored = { ...content, locales: { "de-AT": content.locales["de-at"] } };
    expect(made).toMatchObject({
      status: 201,
      body: { activeVersion: { content: stored }, warnings: [] },
    });
    const copied = await api.send("POST", "/v1/templates/by-channel/duplicate", {
      key: "by-channel-2",
      name: "Order",
    });
    expect(copied).toMatchObject({ status: 201, body: { activeVersion: { content: stored } } });
    const added = await api.send("POST", "/v1/templates/by-channel/versions", { content });
    expect(added).toMatchObject({ status: 201, body: { activeVersion: { version: 2 } } });
  });

  it("is refused with every fault of every channel and locale", async () => {
    const fieldsOf = async (faulty: object) => {
      const { status, body } = await save("faulty", faulty);
      expect(status).toBe(422);
      return body.errors.map(({ field }: { field: string }) => field);
    };
    expect(await fieldsOf({})).toEqual(["/content"]);
    expect(await fieldsOf({ inapp: content.in_app })).toContain("/content/inapp");
    expect(await fieldsOf({ ...content, locales: { de: { email: { subject: "S" } } } })).toEqual([
      "/content/locales/de/email/html",
    ]);
    expect(
      await fieldsOf({
        push: { title: "{{ a", body: "{% zip %}", actions: [{ label: "L", url: "ftp://a.b" }] },
        locales: { de: { push: { title: "{{ a | nope }}" } } },
      }),
    ).toEqual([
      "/content/push/title",
      "/content/push/body",
      "/content/push/actions/0/url",
      "/content/locales/de/push/title",
    ]);
  });

  it("is previewed as the email that is derived from it", async () => {
    const { status, body } = await api.send("POST", "/v1/templates/by-channel/preview", {
      data: { number: "<1>" },
    });
    expect([status, body.subject, body.text]).toEqual([200, "Order <1>", "On its way\n"]);
    expect(body).toMatchObject({ channel: "email", locale: null, derivedFrom: "in_app" });
    expect(body.html).toContain("<p>On its way</p>");
  });
});

describe("a preview by channel and locale", () => {
  const preview = (path: string, body: object) =>
    api.send("POST", `/v1/templates/${path}preview`, { data: { number: 1 }, ...body });

  it("has the content of the locale that is asked for, or of the recipient's", async () => {
    await save("localized", content);
    const message = {
      version: 1,
      channel: "push",
      title: "Order 1",
      body: "Sie ist unterwegs.",
      url: "https://example.org/",
      requireInteraction: false,
      silent: false,
      actions: [],
      locale: "de-AT",
      derivedFrom: null,
      warnings: [],
    };
    const asked = await preview("localized/", { channel: "push", locale: "de-AT" });
    expect(asked).toMatchObject({ status: 200, body: message });
    expect(Object.keys(asked.body).toSorted()).toEqual(Object.keys(message).toSorted());
    const own = await preview("localized/", { channel: "push", recipient: { locale: "de-AT" } });
    expect(own.body).toEqual(asked.body);
    const other = await preview("localized/", { channel: "push", locale: "de" });
    expect(other.body).toMatchObject({ locale: null, body: "It is on its way." });
    const item = await preview("localized/", { channel: "in_app" });
    expect(item.body).toMatchObject({ title: "Order 1", category: "orders", derivedFrom: null });
  });

  it("warns about what a client does not show", async () => {
    const long = { push: { title: "x".repeat(60), body: "x".repeat(200) } };
    const { body } = await preview("", { content: long, channel: "push" });
    expect(body.warnings).toEqual([
      {
        code: "title_long",
        path: "/title",
        message: expect.stringContaining("50 are shown on iOS"),
      },
      { code: "body_long", path: "/body", message: expect.stringContaining("126 on Windows") },
    ]);
    const android = await preview("", { content: long, channel: "push", client: "android" });
    expect(android.body.warnings).toEqual([]);
  });

  it("renders content that is not saved, with the data that its variables allow", async () => {
    const unsaved = { email: { subject: "S {{ number }}", html: "<p>{{ number }}</p>" } };
    const { status, body } = await preview("", { content: unsaved });
    expect([status, body]).toEqual([
      200,
      {
        channel: "email",
        subject: "S 1",
        html: "<p>1</p>",
        text: "1",
        headers: { fromName: null, fromAddress: null, replyTo: null },
        bytes: { html: 8, text: 1 },
        locale: null,
        derivedFrom: null,
        warnings: [],
      },
    ]);
    const variables = { type: "object", properties: { number: { type: "string" } } };
    expect(await preview("", { content: unsaved, variables })).toMatchObject({
      status: 422,
      body: { errors: [{ field: "/data/number", message: "must be a string" }] },
    });
  });

  it("says the line and the column of a fault, when it is parsed and when it is rendered", async () => {
    const faulty = { push: { title: "T", body: "a\n {% zip %}" } };
    expect((await preview("", { content: faulty, channel: "push" })).body.errors).toEqual([
      {
        in: "body",
        field: "/content/push/body",
        message: expect.stringMatching(/^body: tag "zip" not found/),
        line: 2,
        column: 2,
      },
    ]);
    const failing = { push: { title: "T", body: "\n\n{{ 1 | divided_by: number }}" } };
    expect(
      (await preview("", { content: failing, channel: "push", data: { number: 0 } })).body.errors,
    ).toEqual([
      {
        in: "body",
        field: "/content/push/body",
        message: expect.stringMatching(/^does not fit the template: body: divided by 0/),
        line: 3,
        column: 1,
      },
    ]);
    const address = { in_app: { title: "T", body: "B", url: "{{ number }}" } };
    expect((await preview("", { content: address, channel: "in_app" })).body.errors).toEqual([
      {
        in: "body",
        field: "/content/in_app/url",
        message: "does not fit the template: url: does not render to an http or https address",
      },
    ]);
  });
});
