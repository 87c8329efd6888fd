import { describe, expect, it } from "vitest";
import { Effort } from "./effort.ts";
import { compileEmail, evaluateBodies } from "./template.ts";
import { TemplateError } from "./template-error.ts";

const list = Array.from({ length: 1_000 }, (_, index) => ({ n: (index * 7_919) % 1_009 }));

function spend(html: string, data: Record<string, unknown>, effort = new Effort()): number {
  evaluateBodies(compileEmail({ email: { subject: "S", html, text: "x" } }), data, effort);
  return effort.spent;
}

describe("the steps of rendering a message", () => {
  // Exact figures: a limit means the same on every machine only if the count does.
  it.each<[string, string, Record<string, unknown>, number]>([
    ["outputs of paths", "<p>{{ a.b }} {{ c }}</p>", { a: { b: "x" }, c: "y" }, 2],
    ["filters", "{{ a | upcase | append: 'x' }}", { a: "x" }, 9],
    ["a loop", "{% for i in (1..100) %}{{ i }}{% endfor %}", {}, 508],
    [
      "loops within loops",
      "{% for i in (1..100) %}{% for j in (1..100) %}{% endfor %}{% endfor %}",
      {},
      10_205,
    ],
    ["a condition", "{% if a == 1 and b contains 'x' %}y{% endif %}", { a: 1, b: "axb" }, 13],
    ["a sort by a path", "{{ l | sort: 'n' | size }}", { l: list }, 9_211],
    ["a long text", "{{ a | upcase | size }}", { a: "x".repeat(64_000) }, 2_010],
    ["a list searched", "{% if l contains 2 %}{% endif %}", { l: list }, 1_024],
    [
      "many variables",
      "{{ a | upcase }}",
      Object.fromEntries(list.map((_, i) => [`k${i}`, i])),
      508,
    ],
  ])("are counted: %s", (_, html, data, steps) => {
    expect(spend(html, data)).toBe(steps);
    expect(spend(html, data)).toBe(steps);
  });

  it("are allowed up to the limit, and fail one step beyond it", () => {
    const html =
      "{% for i in (1..50) %}{% for j in l %}{{ j.n | plus: i }}{% endfor %}{% endfor %}";
    const steps = spend(html, { l: list });
    expect(spend(html, { l: list }, new Effort(steps))).toBe(steps);
    const effort = new Effort(steps - 1);
    expect(() => spend(html, { l: list }, effort)).toThrow(TemplateError);
    expect(effort.isExceeded).toBe(true);
  });

  it("fail with an error that says that a limit was reached", () => {
    const email = compileEmail({ email: { subject: "S", html: "{{ a | upcase }}", text: "x" } });
    expect(() => evaluateBodies(email, { a: "x" }, new Effort(1))).toThrow(
      expect.objectContaining({
        isBeyondLimit: true,
        message: expect.stringContaining("html: takes more than 1 steps"),
      }),
    );
  });

  it("include reading HTML for the text part where values contain markup", () => {
    const content = { email: { subject: "S", html: "<p>{{ a | raw }}</p>" } };
    const effort = new Effort();
    const plain = new Effort();
    evaluateBodies(compileEmail(content), { a: "<b>x</b>".repeat(1_000) }, effort);
    evaluateBodies(compileEmail(content), { a: "x" }, plain);
    expect(effort.spent).toBeGreaterThan(plain.spent + 2_000);
  });

  it.each<[string, string, Record<string, unknown>]>([
    [
      "an object in a loop of one round",
      "{% for i in (1..1000) %}{% for x in o %}{% break %}{% endfor %}{% endfor %}",
      { o: Object.fromEntries(list.map((_, i) => [`k${i}`, i])) },
    ],
    [
      "a list of which a loop reads one item",
      "{% for i in (1..1000) %}{% for x in l limit: 1 offset: 1 %}{% endfor %}{% endfor %}",
      { l: list },
    ],
    [
      "a long text whose characters are counted",
      "{% for i in (1..1000) %}{% assign n = a.size %}{% endfor %}",
      { a: "x".repeat(64_000) },
    ],
    [
      "a text searched for a text that is almost in it",
      "{% for i in (1..1000) %}{% if a contains b %}{% endif %}{% endfor %}",
      { a: "x".repeat(64_000), b: `${"x".repeat(400)}y${"x".repeat(400)}` },
    ],
    [
      "a list compared with one like it",
      "{% for i in (1..1000) %}{% if l == m %}{% endif %}{% endfor %}",
      { l: list, m: list.slice() },
    ],
  ])("are many where one node does much work: %s", (_, html, data) => {
    const steps = (() => {
      const effort = new Effort();
      try {
        return spend(html, data, effort);
      } catch {
        return effort.spent;
      }
    })();
    expect(steps).toBeGreaterThan(15_000);
  });
});
