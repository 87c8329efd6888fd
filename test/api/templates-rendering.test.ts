import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Api, makeKey, startApi } from "./harness.ts";

let api: Api;
let viewer: Record<string, string>;
let other: Record<string, string>;
beforeAll(async () => {
  api = await startApi();
  const keyOf = async () => {
    const { secret } = await makeKey(api, { role: "viewer" });
    return { authorization: `Bearer ${secret}` };
  };
  [viewer, other] = [await keyOf(), await keyOf()];
  await save("light", "<p>Hi {{ name }}</p>");
});
afterAll(() => api.stop());

const save = async (key: string, html: string) =>
  expect(
    (
      await api.send("POST", "/v1/templates", {
        key,
        name: key,
        content: { email: { subject: "S", html } },
      })
    ).status,
  ).toBe(201);

const bomb =
  "{% for i in (1..99999) %}{% for j in (1..999) %}{{ a | plus: j }}{% endfor %}{% endfor %}";

const preview = (key: string, headers: Record<string, string>, data: object = {}) =>
  api.send("POST", `/v1/templates/${key}/preview`, { data }, headers);

describe("previews that take long", () => {
  it("hold up nobody: what is asked for after them is answered before, and other callers have their turn", async () => {
    await save("bomb", bomb);
    const order: string[] = [];
    const note = async (who: string, reply: ReturnType<typeof preview>) => {
      const { status, body } = await reply;
      order.push(`${who} ${status} ${status === 422 ? body.errors[0].message : ""}`);
    };
    await Promise.all([
      ...Array.from({ length: 20 }, () => note("bomb", preview("bomb", viewer))),
      note("health", api.send("GET", "/healthz", undefined, viewer)),
      note("list", api.send("GET", "/v1/templates", undefined, viewer)),
      note("other", preview("light", other, { name: "Ann" })),
    ]);
    const rendered = order.flatMap((line, at) =>
      line.includes("template: html: takes more than") ? [at] : [],
    );
    expect(order.indexOf("health 200 ")).toBeLessThan(rendered[0]!);
    expect(order.indexOf("list 200 ")).toBeLessThan(rendered[0]!);
    expect(order.indexOf("other 200 ")).toBeLessThan(rendered[1]!);
    // Three in a row say enough of a version.
    expect(rendered).toHaveLength(3);
    expect(
      order.filter((line) => line.includes("fit the template: not rendered, because 3")),
    ).toHaveLength(17);
  });

  it("end with the same words each time", async () => {
    await save("twice", `${bomb}{{ b }}`);
    const replies = [await preview("twice", viewer), await preview("twice", viewer)];
    const [one, two] = replies.map(({ body }) => body.errors);
    expect(one).toMatchObject([
      {
        in: "body",
        field: "/data",
        message: expect.stringMatching(
          /^does not fit the template: html: takes more than 2000000 steps/,
        ),
      },
    ]);
    expect(two).toEqual(one);
  });

  it("are checked and rendered with large data", async () => {
    const data = Object.fromEntries(Array.from({ length: 60_000 }, (_, at) => [`k${at}`, at]));
    const [large, health] = await Promise.all([
      preview("light", viewer, { ...data, name: "Ann" }),
      api.send("GET", "/healthz", undefined, viewer),
    ]);
    expect(health.status).toBe(200);
    expect(large).toMatchObject({ status: 200, body: { text: "Hi Ann" } });
  });
});

describe("templates that take long to parse", () => {
  it("hold up nobody when they are saved", async () => {
    const html = "<p>{{ a.b | upcase | downcase }}</p>".repeat(4_900);
    const order: string[] = [];
    const note = async (who: string, reply: ReturnType<typeof preview>) =>
      order.push(`${who} ${(await reply).status}`);
    const content = { email: { subject: "S", html } };
    await Promise.all([
      ...Array.from({ length: 5 }, (_, at) =>
        note("saved", api.send("POST", "/v1/templates", { key: `long-${at}`, name: "L", content })),
      ),
      note("health", api.send("GET", "/healthz", undefined, viewer)),
    ]);
    expect(order[0]).toBe("health 200");
    expect(order.slice(1)).toEqual(Array(5).fill("saved 201"));
  });
});
