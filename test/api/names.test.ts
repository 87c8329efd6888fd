import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Api, sampleTemplate, seed, startApi } from "./harness.ts";

let api: Api;
beforeAll(async () => {
  api = await startApi();
  await seed(api, 1);
});
afterAll(() => api.stop());

const template = { key: sampleTemplate.key };
const { content, variables } = sampleTemplate;
const filter = { attribute: "plan", equals: "pro" };
const campaign = { template, data: { order: "1" }, audience: { all: true } };

describe("a name", () => {
  const deceptive = [
    "Ada\u202egpj.exe",
    "two\nlines",
    "bell\u0007",
    "\u2066x\u2069",
    "a\u200fb",
    "\u061cx",
  ];
  it.each([
    [
      "a template",
      "POST",
      "/v1/templates",
      "/name",
      (name: string) => ({ key: "t", name, content, variables }),
    ],
    ["a segment", "POST", "/v1/segments", "/name", (name: string) => ({ key: "s", name, filter })],
    ["a campaign", "POST", "/v1/campaigns", "/name", (name: string) => ({ ...campaign, name })],
    [
      "a sender",
      "POST",
      "/v1/campaigns",
      "/email/fromName",
      (fromName: string) => ({ ...campaign, name: "c", email: { fromName } }),
    ],
    ["a key", "POST", "/v1/api-keys", "/name", (name: string) => ({ name, role: "viewer" })],
    [
      "a notification type",
      "POST",
      "/v1/notification-types",
      "/name",
      (name: string) => ({ key: "a.type", name }),
    ],
    [
      "a link",
      "POST",
      "/v1/notifications",
      "/actions/0/label",
      (label: string) => ({
        recipients: ["u0"],
        template,
        data: { order: "1" },
        actions: [{ action: "complete", label }],
      }),
    ],
    [
      "a recipient",
      "POST",
      "/v1/recipients/bulk",
      "/externalId",
      (externalId: string) => ({ recipients: [{ externalId }] }),
    ],
  ])(
    "of %s is refused that reads otherwise than it is written",
    async (_, method, path, field, body) => {
      for (const name of deceptive) {
        const reply = await api.send(method, path, body(name));
        const errors = reply.body.errors ?? reply.body.results[0].errors;
        expect([name, errors]).toEqual([
          name,
          expect.arrayContaining([
            expect.objectContaining({
              field,
              message: expect.stringContaining("direction of text"),
            }),
          ]),
        ]);
      }
    },
  );

  it("may be of any script, whichever way that is read", async () => {
    for (const name of [
      "\u0639\u0644\u064a",
      "\u05d3\u05d5\u05d3 (2)",
      "Zo\u00eb \ud83d\udc69\u200d\ud83d\ude80",
    ])
      expect((await api.send("POST", "/v1/campaigns", { ...campaign, name })).status).toBe(201);
  });
});

describe("an address", () => {
  it.each([
    ["bob%example.com@example.org", /% or !/],
    ["example.com!bob@example.org", /% or !/],
    ["-oQ/tmp@example.org", /begin with -/],
  ])("that programs on the way may take for more is refused: %s", async (email, reason) => {
    const put = await api.send("PUT", "/v1/recipients/tricky", { email });
    expect(put.status).toBe(422);
    expect(put.body.errors).toMatchObject([
      { field: "/email", message: expect.stringMatching(reason) },
    ]);
    const imported = await api.send(
      "POST",
      "/v1/recipients/import",
      `external_id,email\nx,${email}\n`,
      {
        "content-type": "text/csv",
      },
    );
    expect(imported.body.errors).toMatchObject([
      { field: "email", message: expect.stringMatching(reason) },
    ]);
    const sender = await api.send("POST", "/v1/campaigns", {
      ...campaign,
      name: "c",
      email: { replyTo: email },
    });
    expect(sender.body.errors).toMatchObject([{ field: "/email/replyTo" }]);
  });
});

describe("a key of JSON that stands for what objects are made by", () => {
  it.each(["__proto__", "constructor", "prototype"])("is refused: %s", async (key) => {
    const inside = `{"a":[{"${key}":{"x":1}}]}`;
    for (const [path, body, field] of [
      ["/v1/recipients/keyed", `{"attributes":{"${key}":1}}`, "/attributes"],
      ["/v1/recipients/keyed", `{"attributes":${inside}}`, "/attributes/a/0"],
    ] as const) {
      const { status, body: answer } = await api.send("PUT", path, body);
      expect([status, answer.errors]).toEqual([
        422,
        [{ in: "body", field, message: `must not have the key ${key}` }],
      ]);
    }
    for (const data of [`{"order":"1","${key}":1}`, `{"order":"1","more":${inside}}`])
      for (const [path, body] of [
        [
          "/v1/notifications",
          `{"recipients":["u0"],"template":{"key":"order-shipped"},"data":${data}}`,
        ],
        [
          "/v1/campaigns",
          `{"name":"c","template":{"key":"order-shipped"},"audience":{"all":true},"data":${data}}`,
        ],
      ] as const) {
        const { status, body: answer } = await api.send("POST", path, body);
        expect([path, data, status, answer.errors?.[0]?.message]).toEqual([
          path,
          data,
          422,
          `must not have the key ${key}`,
        ]);
      }
  });
});
