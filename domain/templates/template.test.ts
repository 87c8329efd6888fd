import fc from "fast-check";
import { Context, Liquid } from "liquidjs";
import { describe, expect, it } from "vitest";
import { checkContent } from "./check-content.ts";
import { templateContent } from "./content.ts";
import { emailScope, renderEmail } from "./template.ts";
import { TemplateError } from "./template-error.ts";

const recipient = {
  id: "rcp_1",
  externalId: "u-1",
  email: "ann@example.org",
  timeZone: "Europe/Berlin",
  locale: "de",
  attributes: { name: "Ann", tags: ["a", "b"] },
};

const email = (html: string, more: { subject?: string; text?: string } = {}) => ({
  email: { subject: "Subject", html, ...more },
});
const html = (source: string, data: Record<string, unknown> = {}) =>
  renderEmail(email(source), emailScope(recipient, data)).html;
const text = (source: string, data: Record<string, unknown> = {}) =>
  renderEmail(email(source), emailScope(recipient, data)).text;

describe("a template", () => {
  it("sees the data and the recipient, which hides data of the same name", () => {
    const source =
      "{{ plan }} {{ recipient.attributes.name }} {{ recipient.externalId }} {{ name }}";
    expect(html(source, { plan: "pro", recipient: { externalId: "someone else" } })).toBe(
      "pro Ann u-1 ",
    );
  });

  it("escapes outputs in html only, unless they are raw", () => {
    const source = "{{ a }}|{{ a | upcase }}|{{ a | raw }}|{{ list }}";
    const rendered = renderEmail(email(source, { subject: source, text: source }), {
      a: "<b&'\">",
      list: ["<", 1],
    });
    expect(rendered.html).toBe("&lt;b&amp;&#39;&#34;&gt;|&lt;B&amp;&#39;&#34;&gt;|<b&'\">|&lt;1");
    expect(rendered.text).toBe("<b&'\">|<B&'\">|<b&'\">|<1");
    expect(rendered.subject).toBe(rendered.text);
  });

  it("does not share assigned variables between bodies", () => {
    const source = '{% assign a = "set" %}{% increment n %}{{ a }}{{ n }}';
    const rendered = renderEmail(email(source, { subject: "{{ a }}-{{ n }}", text: source }), {});
    expect(rendered).toEqual({ subject: "-", html: "0set1", text: "0set1" });
  });

  it("has a subject of one line", () => {
    const rendered = renderEmail(email("-", { subject: " {{ a }}\n{{ b }}" }), {
      a: "x\r\nBcc: y\u0085",
      b: "\u2028z ",
    });
    expect(rendered.subject).toBe("x Bcc: y z");
    expect(() => renderEmail(email("-", { subject: "{{ a }}" }), { a: "x".repeat(999) })).toThrow(
      TemplateError,
    );
  });

  it("shows dates in UTC, or in the zone that it names", () => {
    const source = '{{ at | date: "%H:%M" }} {{ at | date: "%H:%M", recipient.timeZone }}';
    expect(html(source, { at: "2026-07-01T12:00:00Z" })).toBe("12:00 14:00");
  });

  const json = fc.jsonValue({ maxDepth: 3 });
  const key = fc.oneof(
    fc.constantFrom("a", "b", "first", "last", "size", "constructor", "__proto__", "length"),
    fc.stringMatching(/^[a-z]{1,3}$/),
  );
  const path = fc
    .tuple(
      key,
      fc.array(
        fc.oneof(
          key.map((name) => `.${name}`),
          fc.integer({ min: -3, max: 3 }).map((index) => `[${index}]`),
          key.map((name) => `["${name}"]`),
        ),
        { maxLength: 3 },
      ),
    )
    .map(([root, rest]) => root + rest.join(""));
  const piece = fc.oneof(
    path.map((of) => `{{ ${of} }}`),
    path.map((of) => `{{- ${of} -}}`),
    path.map((of) => `{{ ${of} | default: "none" }}`),
    fc.tuple(key, path).map(([to, of]) => `{% assign ${to} = ${of} %}`),
    fc.tuple(path, path).map(([of, other]) => `{% if ${of} %}{{ ${other} }}{% break %}{% endif %}`),
    path.map((of) => `{% for a in ${of} %}{{ a }}{{ forloop.index }}{% endfor %}`),
    fc.constantFrom(
      " <p>",
      "\n",
      "plain",
      "{% increment a %}",
      "{{ 'quoted' }}",
      "{{ true }}",
      "{% continue %}",
      "{{ empty }}",
    ),
  );

  /** The context of liquidjs, without computed properties of objects and indexes into texts. */
  class OwnFields extends Context {
    override readProperty(...[object, key]: Parameters<Context["readProperty"]>): unknown {
      const counted = ["size", "first", "last"].includes(key as string);
      if (typeof object === "string")
        return key === "size" || key === "length" ? [...(object as string)].length : undefined;
      if (
        counted &&
        !Array.isArray(object) &&
        !Object.hasOwn(Object(object) as object, key as string)
      )
        return undefined;
      return super.readProperty(object, key) as unknown;
    }
  }

  it("renders as Liquid does, for any template and data", () => {
    const settings = { ownPropertyOnly: true, locale: "en-US", timezoneOffset: 0 };
    const render = (liquid: Liquid, source: string, given: object) =>
      liquid.renderSync(
        liquid.parse(source),
        new OwnFields({ ...given }, liquid.options, { sync: true }),
      ) as string;
    const reference = {
      html: new Liquid({ ...settings, outputEscape: "escape" }),
      text: new Liquid(settings),
    };
    fc.assert(
      fc.property(
        fc.array(piece, { minLength: 1, maxLength: 8 }),
        fc.dictionary(key, json, { maxKeys: 6 }),
        (pieces, data) => {
          const source = pieces.join("");
          let expected;
          try {
            expected = {
              html: render(reference.html, source, data),
              text: render(reference.text, source, data),
            };
          } catch {
            expect(() => renderEmail(email(source, { text: source }), data)).toThrow(TemplateError);
            return;
          }
          expect(renderEmail(email(source, { text: source }), data)).toMatchObject(expected);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("a text part made from html", () => {
  it("keeps words, links, tags and outputs in their order", () => {
    const source = `<html><head><style>p { {{ color }} }</style></head><body><h1>Hi {{ name }}</h1>
      <p>{% if paid %}Thank <b>you</b>{% else %}<a href="https://example.org/pay?u={{ id }}&amp;x=1">Pay</a>{% endif %}</p>
      <ul>{% for item in items %}<li>{{ item }}</li>{% endfor %}</ul></body></html>`;
    const data = { name: "Ann & Bob", id: 7, items: ["one", "two"] };
    expect(text(source, { ...data, paid: true })).toMatch(/^Hi Ann & Bob\n+Thank you\n/);
    const unpaid = text(source, data);
    expect(unpaid).toContain("Pay [https://example.org/pay?u=7&x=1]");
    expect(unpaid).toMatch(/one[\s\S]*two/);
    expect(unpaid).not.toContain("color");
  });

  it("does not read braces from entities or `raw` as Liquid", () => {
    expect(
      text("<p>&#123;&#123; name }} {% raw %}{{ name }}{% endraw %} {{ name }}</p>", {
        name: "Ann",
      }),
    ).toBe("{{ name }} {{ name }} Ann");
  });

  it("does not wrap lines, and keeps private-use characters", () => {
    const long = "word ".repeat(60).trim();
    expect(text(`<p>\uE0000\uE001${long}{{ x }}</p>`, { x: "\uE0000\uE001" })).toBe(
      `\uE0000\uE001${long}\uE0000\uE001`,
    );
  });
});

describe("a text part made from html with tags", () => {
  it.each<[string, string, string]>([
    [
      "outside of the body",
      '{% assign a = "x" %}<html><body>{{ a }}</body></html>{% if b %}y{% endif %}',
      "x",
    ],
    [
      "in the head",
      '<head>{% assign a = "x" %}<title>{{ a }}</title></head><body>{{ a }}</body>',
      "x",
    ],
    [
      "in comments",
      "<!-- {% assign a = 1 %}{% if b %} --><p>hidden</p><!-- {% endif %} --><p>{{ a }}</p>",
      "1",
    ],
    [
      "in attributes",
      '<p title="{% assign a = 1 %}">{{ a }}</p><p{% if a %} hidden{% endif %}>hidden</p>',
      "1",
    ],
    ["across elements", '<p>{% if b %}x<img alt="{% endif %}">y', '">y'],
    [
      "that put rows together",
      "<table>{% for n in (1..2) %}<tr><td>{{ n }}</td><td>x</td></tr>{% endfor %}</table>",
      "1 x\n2 x",
    ],
    [
      "that put items together",
      "<ol>\n{% for n in (1..3) %}\n  <li>{{ n }}</li>\n{% endfor %}\n</ol>",
      "1. 1\n2. 2\n3. 3",
    ],
    ["that let markup through", "{{ markup | raw }}", "a & b\nc"],
    ["that hide by a value", '<p style="display:{{ display }}">hidden</p>shown', "shown"],
    [
      "that link to a value",
      '<a href="{{ url }}">{{ url }}</a> <a href="{{ url }}">x</a>',
      "https://example.org/?a=1&b=2 x [https://example.org/?a=1&b=2]",
    ],
  ])("has the text of the html: tags %s", (_, source, expected) => {
    const data = {
      markup: "<p>a &amp; b<br />c</p>",
      display: "none",
      url: "https://example.org/?a=1&b=2",
    };
    expect(text(source, data)).toBe(expected);
  });
});

describe("a content", () => {
  it("is refused with the body and the line of every fault", () => {
    expect(
      checkContent(email("a\n{% zip %}", { subject: "{{ x", text: "\n\n{{ a | nope }}" })),
    ).toEqual([
      {
        path: ["email", "subject"],
        message: expect.stringMatching(/not closed, line:1, col:1/),
        line: 1,
        column: 1,
      },
      {
        path: ["email", "html"],
        message: expect.stringMatching(/tag "zip" not found, line:2/),
        line: 2,
        column: 1,
      },
      {
        path: ["email", "text"],
        message: expect.stringMatching(/undefined filter: nope, line:3/),
        line: 3,
        column: 1,
      },
    ]);
  });

  it.each(["include", "render", "layout", "block"])(
    "cannot use the tag %s, which would read files",
    (tag) => {
      expect(checkContent(email(`{% ${tag} "package.json" %}`))).toHaveLength(1);
    },
  );

  it("is accepted if it can be parsed", () => {
    expect(checkContent(email("<p>{{ a | upcase }}{% if b %}c{% endif %}</p>"))).toEqual([]);
  });

  it("is bounded in size and in tags", () => {
    expect(templateContent.safeParse(email("x".repeat(524_289))).success).toBe(false);
    expect(templateContent.safeParse(email("x\0")).success).toBe(false);
    expect(checkContent(email("{{ a }}".repeat(5_001)))[0]?.message).toMatch(/more than 5000 tags/);
  });
});
