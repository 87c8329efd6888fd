import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Api, sampleTemplate, seed, startApi } from "./harness.ts";

let api: Api;
beforeAll(async () => {
  api = await startApi();
  await seed(api, 2);
});
afterAll(() => api.stop());

const path = `/v1/templates/${sampleTemplate.key}`;

describe("templates", () => {
  it("are created once a key", async () => {
    const reply = await api.send("POST", "/v1/templates", sampleTemplate);
    expect(reply.status).toBe(409);
    const replies = await Promise.all(
      [1, 2, 3].map(() => api.send("POST", "/v1/templates", { ...sampleTemplate, key: "raced" })),
    );
    expect(replies.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 409, 409]);
  });

  it("gain versions with numbers of their own, and show the latest", async () => {
    const content = { email: { subject: "S", html: "<p>second</p>" } };
    const replies = await Promise.all(
      [1, 2, 3, 4].map(() => api.send("POST", "/v1/templates/raced/versions", { content })),
    );
    expect(
      replies.map(({ body }) => body.latestVersion.version as number).toSorted((a, b) => a - b),
    ).toEqual([2, 3, 4, 5]);
    const { body } = await api.send("GET", "/v1/templates/raced");
    expect(body).toMatchObject({
      key: "raced",
      latestVersion: { version: 5, content, variables: { type: "object" } },
    });
    expect(body.id).toMatch(/^tpl_/);
    expect(body.latestVersion.id).toMatch(/^tpv_/);
  });

  it.each([
    ["/content/email/html", { content: { email: { subject: "S", html: "{% if %}" } } }],
    [
      "/content/email/subject",
      { content: { email: { subject: "{{ order | nofilter }}", html: "x" } } },
    ],
    ["/content/email/html", { content: { email: { subject: "S" } } }],
    [
      "/variables/properties/order/pattern",
      {
        variables: { type: "object", properties: { order: { type: "string", pattern: "(a+)+$" } } },
      },
    ],
    ["/variables/type", { variables: { type: "string" } }],
    ["/key", { key: "Not A Key" }],
  ])("are refused with the fault named: %s", async (field, part) => {
    const reply = await api.send("POST", "/v1/templates", {
      ...sampleTemplate,
      key: "new",
      ...part,
    });
    expect(reply.status).toBe(422);
    expect(reply.body.errors.map((error: { field: string }) => error.field)).toContain(field);
    expect((await api.send("GET", "/v1/templates/new")).status).toBe(404);
  });

  it("are previewed for somebody stored, somebody made up, or nobody", async () => {
    const stored = await api.send("POST", `${path}/preview`, {
      data: { order: "A-1" },
      recipient: "u0",
    });
    expect(stored.body).toEqual({
      version: 1,
      subject: "Order A-1 is on its way",
      html: "<p>Hello N0, A-1 is on its way.</p>",
      text: "Hello N0, A-1 is on its way.",
    });
    const inline = await api.send("POST", `${path}/preview`, {
      data: { order: "A-1" },
      recipient: { attributes: { name: "<Ada>" } },
    });
    expect(inline.body.html).toContain("Hello &lt;Ada&gt;,");
    expect((await api.send("POST", `${path}/preview`, { data: { order: "A-1" } })).status).toBe(
      200,
    );
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
