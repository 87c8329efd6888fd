import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Api, makeKey, startApi } from "./harness.ts";
import { cpuMs } from "../support/cpu-time.ts";

let api: Api;
let viewer: Record<string, string>;
beforeAll(async () => {
  api = await startApi();
  const { secret } = await makeKey(api, { role: "viewer" });
  viewer = { authorization: `Bearer ${secret}` };
});
afterAll(() => api.stop());

const times = (count: number, text: string) => text.repeat(count);

/** Of this process's CPU: unbounded, each would take minutes or the memory of the process. */
const effortMs = 10_000;

async function inTime<Result>(work: () => Promise<Result>): Promise<Result> {
  const before = cpuMs();
  const result = await work();
  expect(cpuMs() - before).toBeLessThan(effortMs);
  return result;
}

const list = Array.from({ length: 250_000 }, () => 1);

describe("a template that was accepted and asks for too much", () => {
  it.each<[string, string, Record<string, unknown>]>([
    ["a range without end", "{% for i in (1..99999999) %}x{% endfor %}", {}],
    [
      "loops within loops",
      "{% for i in (1..99999) %}{% for j in (1..99999) %}{% endfor %}{% endfor %}",
      {},
    ],
    ["huge output", times(1_000, "{{ s }}"), { s: times(500_000, "x") }],
    [
      "captures that double",
      `{% assign a = "0123456789" %}${times(40, "{% capture a %}{{ a }}{{ a }}{% endcapture %}")}{{ a }}`,
      {},
    ],
    [
      "lists that double",
      `{% assign a = "x" | split: "," %}${times(40, "{% assign a = a | push: a %}")}{{ a }}`,
      {},
    ],
    ["filters that grow", `{{ s${times(700, " | url_encode")} }}`, { s: times(900_000, "%") }],
    [
      "an expression of thousands of searches",
      `{% if ${Array(500).fill("l contains 2").join(" or ")} %}x{% endif %}`,
      { l: list },
    ],
    [
      "a text that is almost found everywhere",
      "{{ s | remove_last: n }}",
      { s: times(500_000, "a"), n: `${times(150_000, "a")}b${times(150_000, "a")}` },
    ],
    ["a date of a billion digits", '{{ 0 | date: "%999999999d" }}', {}],
  ])("is a 422 in a preview, and others are answered: %s", async (name, source, data) => {
    const key = `bomb-${name.replaceAll(/[^a-z]+/g, "-")}`;
    const content = { email: { subject: "S", html: source, text: source } };
    const made = await api.send("POST", "/v1/templates", { key, name, content });
    expect(made.status).toBe(201);
    const [previewed, other] = await inTime(() =>
      Promise.all([
        api.send("POST", `/v1/templates/${key}/preview`, { data }, viewer),
        api.send("GET", `/v1/templates/${key}/versions`, undefined, viewer),
      ]),
    );
    expect(previewed.status).toBe(422);
    expect(previewed.body.errors).toMatchObject([
      {
        in: "body",
        field: "/data",
        message: expect.stringMatching(/^does not fit the template: html: /),
      },
    ]);
    // What it was rendered with is in no error.
    expect(previewed.body.errors[0].message.length).toBeLessThan(500);
    expect(other.status).toBe(200);
  });

  it("does not keep a test of it from being accepted: the worker refuses it by the same limits", async () => {
    await api.send("PUT", "/v1/recipients/u", { email: "u@example.org" });
    const { status } = await api.send("POST", "/v1/templates/bomb-a-range-without-end/test", {
      recipient: "u",
    });
    expect(status).toBe(202);
  });
});

describe("a template that asks for too much as it is read", () => {
  it.each([
    ["tags without number", times(6_000, "{{ a }}"), "/content/email/html"],
    ["a tag without end", `{{ a${times(40_000, " | upcase")} }}`, "/content/email/html"],
    ["tags within tags", times(2_400, "{% if a %}") + times(2_400, "{% endif %}"), ""],
    ["lists within lists", times(50_000, "<ul><li>x"), "/content/email/text"],
    ["a file", '{% include "/etc/passwd" %}', "/content/email/html"],
  ])("is a 422, and others are answered: %s", async (_, html, field) => {
    const body = { key: "never", name: "N", content: { email: { subject: "S", html } } };
    const [refused, other] = await inTime(() =>
      Promise.all([
        api.send("POST", "/v1/templates", body),
        api.send("GET", "/v1/templates", undefined, viewer),
      ]),
    );
    expect(refused.status).toBe(422);
    if (field !== "") expect(refused.body.errors[0].field).toBe(field);
    expect(other.status).toBe(200);
  });
});
