import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { renderEmail } from "./template.ts";
import { TemplateError } from "./template-error.ts";

const email = (html: string, more: { subject?: string; text?: string } = {}) => ({
  email: { subject: "Subject", html, ...more },
});
const html = (source: string, data: Record<string, unknown> = {}) =>
  renderEmail(email(source), { recipient: { attributes: { name: "Ann" } }, ...data }).html;

describe("a template's filters", () => {
  it.each<[string, Record<string, unknown>, string]>([
    ["{{ a | escape }}", { a: "<b> & 'c'" }, "&lt;b&gt; &amp; &#39;c&#39;"],
    ["{{ a | escape_once }}", { a: "<b> &amp; &euro; &" }, "&lt;b&gt; &amp; &euro; &amp;"],
    ["{{ a | newline_to_br }}", { a: "<b>\nx\r\ny\rz" }, "&lt;b&gt;<br />\nx<br />\ny<br />\nz"],
    ["{{ a | escape | newline_to_br }}", { a: "<b>\n&" }, "&lt;b&gt;<br />\n&amp;"],
    ["{{ a | newline_to_br | strip_newlines }}", { a: "<b>\nx" }, "&lt;b&gt;<br />x"],
    [
      "{{ a | newline_to_br | default: 'none' }}{{ b | newline_to_br | default: 'none' }}",
      { a: "x\ny" },
      "x<br />\nynone",
    ],
    [
      "{% assign c = a | newline_to_br %}{{ c }}{% if c contains 'x' %}!{% endif %}",
      { a: "<b>\nx" },
      "&lt;b&gt;<br />\nx!",
    ],
    [
      "{% assign l = a | newline_to_br | split: '<br />' %}{% for i in l %}[{{ i | strip }}]{% endfor %}",
      { a: "a & b\n<c>" },
      "[a &amp; b][&lt;c&gt;]",
    ],
    ["{% capture c %}<i>{{ a }}</i>{% endcapture %}{{ c }}", { a: "<b>" }, "<i>&lt;b&gt;</i>"],
    [
      "{% capture c %}{{ a }} & {{ a }}{% endcapture %}{{ c | upcase }}",
      { a: "o'n" },
      "O&#39;N &amp; O&#39;N",
    ],
    ["{{ a | escape | raw }}", { a: "<b>" }, "&lt;b&gt;"],
    [
      "{{ a | escape | append: b | prepend: b }}",
      { a: "<b>", b: "<i>" },
      "&lt;i&gt;&lt;b&gt;&lt;i&gt;",
    ],
    ["{% echo a | escape %}{% cycle a %}", { a: "<" }, "&lt;&lt;"],
  ])("escape exactly once in html: %s", (source, data, expected) => {
    expect(html(source, data)).toBe(expected);
  });

  const filters =
    "escape escape_once xml_escape newline_to_br upcase capitalize strip squish strip_html strip_newlines reverse url_decode truncate:9 slice:0,30 split:'' split:'<br />' join join:a append:a prepend:a replace:'&',a replace:'lt',a remove:';' remove:'amp;' default:a concat:l push:a first last sort json".split(
      " ",
    );

  it("never let markup in the data through, in any chain", () => {
    const chain = fc.array(fc.constantFrom(...filters), { maxLength: 6 });
    const shape = fc.constantFrom(
      (chained: string) => `{{ a${chained} }}`,
      (chained: string) => `{% assign x = a${chained} %}{{ x }}{% echo x %}{% cycle x %}`,
      (chained: string) => `{% capture x %}{{ a${chained} }}{% endcapture %}{{ x${chained} }}`,
      (chained: string) => `{% assign x = a${chained} %}{% for i in x %}{{ i }}{% endfor %}`,
    );
    const hostile = fc
      .array(
        fc.constantFrom("<", ">", "&lt;", "&", "lt;", "\n", '"', "'", "b", ";", "%3C", "<script>"),
        { maxLength: 8 },
      )
      .map((parts) => parts.join(""));
    fc.assert(
      fc.property(shape, chain, hostile, (made, chosen, a) => {
        const source = made(chosen.map((filter) => ` | ${filter}`).join(""));
        let rendered;
        try {
          rendered = html(source, { a, l: [a] });
        } catch (error) {
          expect(error).toBeInstanceOf(TemplateError);
          return;
        }
        expect(rendered.replaceAll("<br />", "")).not.toMatch(/[<>"']/);
      }),
      { numRuns: 1_000 },
    );
  });

  it.each<[string, string]>([
    ["{{ 7 | divided_by: 2 }} {{ -7 | divided_by: 2 }} {{ n | divided_by: 2 }}", "3 -4 3"],
    [
      "{{ 7 | divided_by: 2.0 }} {{ 7.0 | divided_by: 2 }} {{ 7.5 | divided_by: 2 }}",
      "3.5 3.5 3.75",
    ],
    ["{{ n | times: 1.0 | divided_by: 2 }} {% assign d = 2.0 %}{{ n | divided_by: d }}", "3.5 3.5"],
    ["{{ '7' | divided_by: '2' }} {{ '7.0' | divided_by: '2' }}", "3 3.5"],
    [
      "{{ n | times: 1.0 | round | divided_by: 2 }} {{ n | minus: 0.0 | abs | divided_by: 2 }}",
      "3 3.5",
    ],
    ["{{ 0.1 | plus: 0.2 }} {{ 4.35 | times: 100 }} {{ 1 | minus: 0.9 }}", "0.3 435 0.1"],
    ["{{ -7 | modulo: 3 }} {{ 10 | divided_by: 5 }} {{ 10.0 }}", "2 2 10"],
    [
      "{% if 7.0 == n %}same{% endif %} {% if 7.0 >= n %}more{% endif %} {{ list[1.0] }}",
      "same more b",
    ],
  ])("calculate as Shopify's do: %s", (source, expected) => {
    expect(html(source, { n: 7, list: ["a", "b"] })).toBe(expected);
  });

  it("fail to divide by zero", () => {
    expect(() => html("{{ 7 | divided_by: 0 }}")).toThrow(/^html: divided by 0, line:1/);
  });

  it.each<[string, string]>([
    ["{{ t | size }} {{ t.size }}", "3 3"],
    ["{{ t | slice: 1 }}{{ t | slice: -1 }}{{ t | slice: 0, 2 }}", "b😀😀b"],
    ['{{ t | split: "" | join: "-" }}', "😀-b-😀"],
    ['{{ t | split: "" | reverse | join }} {{ t | split: "" | first }}', "😀 b 😀 😀"],
    ['{{ t | truncate: 2, "" }} {{ t | truncate: 2, "…" }}', "😀b 😀…"],
    ["{{ t | first }}{{ t | last }}[{{ t.first }}{{ t.last }}{{ t[0] }}]", "😀😀[]"],
    ['{{ t | replace: "", "." }}', ".😀.b.😀."],
    ['{{ t | capitalize }} {{ "𐐨x" | capitalize }}', "😀b😀 𐐀x"],
    ['{{ "\\ud83d" }}{{ "%F0%9F%98%80" | url_decode }}', "\ufffd😀"],
    ['{{ "%ED%A0%BD" | url_decode | size }} {{ "100%+a%20b" | url_decode }}', "3 100% a b"],
    ["{{ half }}", "a\ufffd"],
  ])("never split a character: %s", (source, expected) => {
    const data = { t: "😀b😀", half: "a\ud83d" };
    expect(html(source, data)).toBe(expected);
    expect(renderEmail(email("-", { text: source, subject: source }), data)).toMatchObject({
      text: expected,
      subject: expected,
    });
  });
});

describe("a variable that the data lack", () => {
  it.each([
    "{{ size }}{{ first }}{{ last }}",
    "{{ recipient.size }}{{ recipient.first }}{{ recipient.attributes.size }}{{ recipient.attributes.last }}",
    "{{ o.size }}{{ o.first }}{{ o.last }}{{ o.none.size }}{{ n.size }}",
    "{% if size or o.size or recipient.attributes.first %}x{% endif %}",
    '{{ list_of | map: "size" | join: "" }}',
  ])("prints nothing: %s", (source) => {
    expect(html(source, { o: { a: 1 }, n: 5, list_of: [{ a: 1 }] })).toBe("");
  });

  it("does not hide data of the same name", () => {
    const source =
      "{{ size }} {{ o.size }} {{ o.first }} {{ l.size }} {{ l.first }} {{ l.last }} {{ t.size }}";
    const data = { size: "XL", o: { size: 3, first: "f" }, l: ["a", "b"], t: "text" };
    expect(html(source, data)).toBe("XL 3 f 2 a b 4");
  });
});

describe("a line ending", () => {
  it.each(["\r", "\n", "\r\n"])("becomes a line feed: %j", (end) => {
    const rendered = renderEmail(
      email(`{{ a }}${end}x{{ a | raw }}`, { text: `{{ a }}${end}{{ a | upcase }}` }),
      { a: `a${end}b` },
    );
    expect(rendered.html).toBe("a\nb\nxa\nb");
    expect(rendered.text).toBe("a\nb\nA\nB");
  });
});
