import { describe, expect, it } from "vitest";
import { checkContent } from "./check-content.ts";
import { renderEmail } from "./template.ts";
import { TemplateError } from "./template-error.ts";

const times = (count: number, text: string) => text.repeat(count);

/** CPU time of this process: far more than any of these templates takes, and far less than any took without limits. */
const longestMs = 8_000;

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** The errors of rendering an accepted template, as HTML and as text. */
function renderBoth(source: string, data: Record<string, unknown> = {}): string[] {
  return [
    { html: source, text: "x" },
    { html: "x", text: source },
  ].map((bodies) => {
    const content = { email: { subject: "S", ...bodies } };
    const before = cpuMs();
    try {
      expect(checkContent(content)).toEqual([]);
      renderEmail(content, data);
      return "rendered";
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      return error.message;
    } finally {
      expect(cpuMs() - before).toBeLessThan(longestMs);
    }
  });
}

const expectRefused = (source: string, data: Record<string, unknown>, why: RegExp) => {
  for (const refusal of renderBoth(source, data)) expect(refusal).toMatch(why);
};

const bounded = /memory alloc limit exceeded|more than 2000000 (?:characters|steps)/;

const list = Array.from({ length: 250_000 }, () => 1);
const long = times(500_000, "a");
const pushed = (name: string) =>
  `{% assign ${name} = "x" | split: "," %}${times(40, `{% assign ${name} = ${name} | push: ${name} %}`)}`;

describe("a template that exceeds a limit when it is rendered", () => {
  it.each<[string, string, RegExp]>([
    ["a range without end", "{% for i in (1..99999999) %}x{% endfor %}", /memory/],
    ["a table without end", "{% tablerow i in (1..99999999) %}x{% endtablerow %}", /memory/],
    [
      "loops within loops that write",
      "{% for i in (1..9999) %}{% for j in (1..9999) %}long enough{% endfor %}{% endfor %}",
      bounded,
    ],
    [
      "loops within loops that write nothing",
      "{% for i in (1..99999) %}{% for j in (1..99999) %}{% endfor %}{% endfor %}",
      bounded,
    ],
    [
      "a loop around much text",
      `{% for i in (1..3000000) %}${times(100_000, "x")}{% endfor %}`,
      bounded,
    ],
    [
      "text captured twice over and over",
      `{% assign a = "0123456789" %}${times(40, "{% capture a %}{{ a }}{{ a }}{% endcapture %}")}{{ a }}`,
      bounded,
    ],
    [
      "text appended to itself over and over",
      `{% assign a = "0123456789" %}${times(40, "{% assign a = a | append: a %}")}{{ a }}`,
      /memory/,
    ],
    ["a list pushed onto itself and written", `${pushed("a")}{{ a }}`, bounded],
    ["a list pushed onto itself and joined", `${pushed("a")}{{ a | join }}`, bounded],
    [
      "lists pushed onto themselves and compared",
      `${pushed("a")}${pushed("b")}{% if a == b %}x{% endif %}`,
      bounded,
    ],
    [
      "a list within a list, thousands deep",
      `{% assign e = "" | split: "," %}{% assign a = e %}{% for i in (1..5000) %}{% assign a = e | push: a %}{% endfor %}{{ a | json: 10 }}`,
      /deeper than 100 levels/,
    ],
    ["a number of a billion digits", '{{ 0 | date: "%999999999d" }}', /memory/],
    ["fractions of a billion digits", '{{ 0 | date: "%999999999N" }}', /memory/],
  ])("fails with the limit: %s", (_, source, why) => expectRefused(source, {}, why));

  it.each<[string, string, Record<string, unknown>, RegExp]>([
    ["every letter replaced by all", '{{ s | replace: "a", s }}', { s: long }, /memory/],
    ["all put between letters", '{{ s | replace: "", s }}', { s: long }, /memory/],
    [
      "a long text a million times",
      `{% assign a = l %}${times(19, "{% assign a = a | concat: a %}")}{{ a }}`,
      { l: [long] },
      bounded,
    ],
    [
      "text that grows with each of many filters",
      `{{ s${times(700, " | url_encode")} }}`,
      { s: times(900_000, "%") },
      /memory/,
    ],
    [
      "a long list searched over and over in one expression",
      `{% if ${Array(500).fill("l contains 2").join(" or ")} %}x{% endif %}`,
      { l: list },
      bounded,
    ],
    [
      "an expression of the data's own, for each of a long list",
      '{{ l | where_exp: "i", e }}',
      { l: list, e: Array(10_000).fill("i == 2").join(" or ") },
      bounded,
    ],
    [
      "a path of a hundred thousand names, for each of a long list",
      "{{ l | sort: p }}",
      { l: list, p: `a${times(100_000, ".a")}` },
      bounded,
    ],
    [
      "a search by a filter that almost matches everywhere",
      '{{ s | remove: n }}{{ s | remove_last: n }}{{ s | split: n }}{{ s | replace_first: n, "" }}',
      { s: long, n: `${times(150_000, "a")}b${times(150_000, "a")}` },
      /more than 1000 characters/,
    ],
    [
      "a search by contains that almost matches everywhere",
      "{% if s contains n %}x{% endif %}",
      { s: long, n: `${times(150_000, "a")}b` },
      /more than 1000 characters/,
    ],
    [
      "a date in a hundred thousand forms",
      "{{ 0 | date: f }}",
      { f: times(100_000, "%c") },
      /more than 1000 characters/,
    ],
  ])("fails with the limit because of its data: %s", (_, source, data, why) =>
    expectRefused(source, data, why),
  );

  it.each<[string, string, Record<string, unknown>]>([
    [
      "an object whose size is read repeatedly",
      `{% if ${Array(600).fill("o.size").join(" or ")} %}x{% endif %}`,
      { o: Object.fromEntries(list.slice(0, 60_000).map((_, index) => [`k${index}`, 1])) },
    ],
    ["strip_html", "{{ s | strip_html | size }}", { s: times(120_000, "<script") }],
    [
      "white space",
      "{{ s | strip | squish | normalize_whitespace | truncatewords: 3 | number_of_words }}",
      { s: `${times(600_000, " ")}x` },
    ],
    ["slugify", "{{ s | slugify | size }}", { s: times(300_000, "-- ") }],
    ["a text that is not a date", '{{ s | date: "%c" | size }}', { s: times(300_000, "1 ") }],
  ])("does not take long for text that is hard to match or to count: %s", (_, source, data) => {
    for (const result of renderBoth(source, data)) expect(result).toBe("rendered");
  });
});

describe("a template that exceeds a limit when it is parsed", () => {
  it.each<[string, string, RegExp]>([
    ["too many tags", times(5_001, "{{ a }}"), /more than 5000 tags/],
    [
      "too many tags within tags",
      times(9, `{% liquid\n${times(650, "assign a = 1\n")}%}`),
      /more than 5000 tags/,
    ],
    ["a tag without end", `{{ a${times(40_000, " | upcase")} }}`, /more than 10000 characters/],
    ["an index within an index", `{{ ${times(9_000, "a[")} }}`, /more than 10000|not/],
    [
      "tags within tags",
      `${times(2_400, "{% if a %}")}${times(2_400, "{% endif %}")}`,
      /deeper than 100 levels/,
    ],
    [
      "lines within lines",
      `{% liquid\n${times(101, "for a in b\n")}${times(101, "endfor\n")}%}`,
      /deeper than 100 levels/,
    ],
    ["outputs that never end", times(4_900, '{{ "'), /not closed/],
  ])("is refused: %s", (_, source, why) => {
    const before = cpuMs();
    const [fault] = checkContent({ email: { subject: "S", html: "x", text: source } });
    expect(cpuMs() - before).toBeLessThan(longestMs);
    expect(fault?.message).toMatch(why);
  });

  it.each([
    ["<div>", 100_000],
    ["<ul><li>x", 50_000],
    ["<table><tr><td>x", 30_000],
    ["<p><i></p>", 50_000],
    ["<DIV></span>", 40_000],
  ])("needs a text part of its own if its elements nest too deeply: %s", (element, count) => {
    const before = cpuMs();
    expect(checkContent({ email: { subject: "S", html: times(count, element) } })).toEqual([
      { path: ["email", "text"], message: expect.stringContaining("nests too deeply") },
    ]);
    expect(cpuMs() - before).toBeLessThan(longestMs);
  });

  it.each([
    ["breaks and rules", times(5_000, "line<br><hr/>")],
    ["paragraphs", times(5_000, "<p>text</p>")],
    ["items that are never closed", `<ul>${times(1_500, "<li>item")}</ul>`],
    ["a table", `<table>${times(3_000, "<tr><td>1</td></tr>")}</table>`],
  ])("is accepted if its elements do not nest: %s", (_, html) => {
    expect(checkContent({ email: { subject: "S", html } })).toEqual([]);
  });
});

describe("a template", () => {
  const see = (source: string, data: Record<string, unknown>) =>
    renderEmail({ email: { subject: "S", html: "x", text: source } }, data).text;

  it.each([
    "{{ constructor }}",
    "{{ __proto__ }}",
    "{{ a.__proto__ }}",
    '{{ a["constructor"].name }}',
    '{{ a[k]["constructor"] }}',
    "{{ s.constructor.constructor }}",
    "{{ l.constructor }}{{ l.map }}{{ l.__proto__ }}",
    '{{ l | map: "constructor" | join }}',
    '{{ l | map: "__proto__.constructor" | compact | join }}',
    "{{ recipient.phone }}{{ recipient.constructor }}",
    "{{ toString }}{{ a.toString }}{{ a.valueOf }}",
    '{{ l | group_by: "constructor" | map: "name" | join }}',
  ])("sees its data and nothing else: %s", (source) => {
    const data = { a: {}, s: "text", l: [{}, {}], k: "__proto__", recipient: { phone: null } };
    expect(see(source, data).trim()).toBe("");
  });

  it("changes only the variables that it assigns", () => {
    const data = JSON.parse('{"__proto__":{"polluted":1},"a":{"b":1}}') as Record<string, unknown>;
    see(
      '{% assign __proto__ = "x" %}{% increment constructor %}{% capture toString %}y{% endcapture %}',
      data,
    );
    expect(data["a"]).toEqual({ b: 1 });
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
    expect(typeof {}.toString).toBe("function");
  });

  it.each(["include", "render", "layout", "block"])("reads no files: %s", (tag) => {
    for (const name of ["/etc/passwd", "../package.json", "https://example.org/"])
      expect(
        checkContent({ email: { subject: "S", html: "x", text: `{% ${tag} "${name}" %}` } }),
      ).toMatchObject([{ message: expect.stringContaining(`tag "${tag}" not found`) }]);
  });
});
