import { describe, expect, it } from "vitest";
import { blankInclusions, findLayoutKeys, flattenHtml, mapHtml } from "./layouts.ts";
import { renderEmail } from "./template.ts";

const layouts = new Map([
  ["main", "<html>{{ content_for_layout }}{% render 'footer' %}</html>"],
  ["outer", "[{{- content_for_layout -}}]"],
  ["inner", '{% layout "outer" %}({{ content_for_layout }})'],
  ["footer", "<i>{{ company }}</i>"],
  ["button", '<a href="{{ url }}">{{ label }}</a>'],
  ["plain", "no place"],
  ["one", "{% render 'two' %}"],
  ["two", "\n {% render 'one' %}"],
  ["many", "{% render 'footer' %}".repeat(501)],
  ["long", "x".repeat(300_000)],
]);
for (let level = 0; level < 12; level += 1)
  layouts.set(`level-${level}`, `{% render 'level-${level + 1}' %}`);

const flatten = (html: string) => flattenHtml(html, layouts);

describe("the layouts of an html", () => {
  it.each([
    ["<p>x</p>", "<p>x</p>"],
    ['{% layout "main" %}<p>x</p>', "<html><p>x</p><i>{{ company }}</i></html>"],
    ["a {%- render 'footer' -%} b", "a<i>{{ company }}</i>b"],
    ["{% layout 'inner' %}x", "[(x)]"],
    [
      '{% render "button", url: order.url, label: "Pay, now" %}',
      '{% assign url = order.url %}{% assign label = "Pay, now" %}<a href="{{ url }}">{{ label }}</a>',
    ],
    ["{% raw %}{% render 'no' %}{% endraw %}", "{% raw %}{% render 'no' %}{% endraw %}"],
    [
      "{% comment %}{% render 'no' %}{% endcomment %}",
      "{% comment %}{% render 'no' %}{% endcomment %}",
    ],
    [`{{ "{% render 'no' %}" }}`, `{{ "{% render 'no' %}" }}`],
  ])("replace its tags: %s", (html, flat) => {
    expect(flatten(html)).toBe(flat);
  });

  it("are rendered with the data of the message, and escape them", () => {
    const html = flatten('{% layout "main" %}{% render "button", url: u, label: "<Pay>" %}');
    expect(
      renderEmail({ email: { subject: "S", html } }, { u: "https://a.b/?c&d", company: "A & B" })
        .html,
    ).toBe('<html><a href="https://a.b/?c&amp;d">&lt;Pay&gt;</a><i>A &amp; B</i></html>');
  });

  it.each([
    ["a\n {% render 'none' %}", "names no layout: there is no none, line:2, col:2"],
    ["{% render 'one' %}", "a layout includes itself: one, two, one, line:1, col:1"],
    ["{% layout 'plain' %}", "the layout plain has no {{ content_for_layout }}, line:1, col:1"],
    ["{% layout 'main' %}{% layout 'main' %}", "has a second tag layout, line:1, col:20"],
    [
      "{% render name %}",
      'the tag render must name a layout, as in {% render "key" %}, line:1, col:1',
    ],
    [
      "{% render 'Not a key' %}",
      'the tag render must name a layout, as in {% render "key" %}, line:1, col:1',
    ],
    ["{% layout 'main', a: 1 %}", "the tag layout takes no arguments, line:1, col:1"],
    [
      "{% render 'footer', a: b | upcase %}",
      "the arguments of the tag render must be names with texts, numbers or variables, line:1, col:1",
    ],
    ["{% render 'many' %}", "includes more than 500 layouts, line:1, col:1"],
    ["{% render 'level-0' %}", "includes layouts deeper than 10 levels, line:1, col:1"],
    [
      "{% render 'long' %}{% render 'long' %}",
      "has more than 524288 characters with its layouts, line:1, col:1",
    ],
  ])("are refused: %s", (html, fault) => {
    expect(() => flatten(html)).toThrow(`html: ${fault}`);
  });

  it("are found by their keys, and blanked without moving the rest", () => {
    const html = "{% layout 'main' %}\n{% render 'button',\n label: 'x' %}{{ a";
    expect(findLayoutKeys(html)).toEqual(["main", "button"]);
    const blanked = blankInclusions(html);
    expect(blanked.trim()).toBe("{{ a");
    expect(blanked.indexOf("{{ a")).toBe(html.indexOf("{{ a"));
    expect(blanked.split("\n")).toHaveLength(3);
  });

  it("are replaced in every locale, with the path of each fault", () => {
    const content = {
      email: { subject: "S", html: "{% render 'footer' %}" },
      locales: {
        de: { email: { html: "{% render 'none' %}" } },
        fr: { push: { title: "T" } },
      },
    };
    const { content: mapped, faults } = mapHtml(content, flatten);
    expect(mapped.email?.html).toBe("<i>{{ company }}</i>");
    expect(content.email.html).toBe("{% render 'footer' %}");
    expect(faults).toEqual([
      {
        path: ["locales", "de", "email", "html"],
        message: expect.stringContaining("there is no none"),
        line: 1,
        column: 1,
      },
    ]);
  });

  it("do not take long to find in html that never ends a tag", () => {
    const before = process.cpuUsage();
    expect(findLayoutKeys(`{% render 'x' %}${"{% a {{ ".repeat(60_000)}`)).toEqual(["x"]);
    const { user } = process.cpuUsage(before);
    expect(user / 1_000).toBeLessThan(2_000);
  });
});
