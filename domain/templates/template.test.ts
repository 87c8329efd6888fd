import fc from "fast-check";
import { Liquid } from "liquidjs";
import { describe, expect, it } from "vitest";
import {
  checkContent,
  emailScope,
  renderEmail,
  templateContent,
  TemplateError,
} from "./template.ts";

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
  it("sees the data and the recipient, who hides data of that name", () => {
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

  it("keeps what one body assigns from the others", () => {
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

  it("tells dates in UTC, or in the zone it asks for", () => {
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

  it("renders as Liquid itself does, whatever the template and the data", () => {
    const settings = { ownPropertyOnly: true, locale: "en-US", timezoneOffset: 0 };
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
              html: reference.html.parseAndRenderSync(source, { ...data }),
              text: reference.text.parseAndRenderSync(source, { ...data }),
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

  it("takes braces that were entities, or raw, for what they are", () => {
    expect(
      text("<p>&#123;&#123; name }} {% raw %}{{ name }}{% endraw %} {{ name }}</p>", {
        name: "Ann",
      }),
    ).toBe("{{ name }} {{ name }} Ann");
  });

  it("does not break lines or drop what looks like its own marks", () => {
    const long = "word ".repeat(60).trim();
    expect(text(`<p>\uE0000\uE001${long}{{ x }}</p>`, { x: "\uE0000\uE001" })).toBe(
      `0${long}\uE0000\uE001`,
    );
  });
});

describe("a content", () => {
  it("is refused with the body and the line of each fault", () => {
    expect(
      checkContent(email("a\n{% zip %}", { subject: "{{ x", text: "\n\n{{ a | nope }}" })),
    ).toEqual([
      { path: ["email", "subject"], message: expect.stringMatching(/not closed, line:1/) },
      { path: ["email", "html"], message: expect.stringMatching(/tag "zip" not found, line:2/) },
      { path: ["email", "text"], message: expect.stringMatching(/undefined filter: nope, line:3/) },
    ]);
  });

  it("is told to bring a text where none can be made", () => {
    expect(checkContent(email('<p>{% if a %}x<img alt="{% endif %}">'))).toEqual([
      { path: ["email", "text"], message: expect.stringContaining("must be given") },
    ]);
  });

  it.each(["include", "render", "layout", "block"])(
    "cannot use the tag %s, which would read files",
    (tag) => {
      expect(checkContent(email(`{% ${tag} "package.json" %}`))).toHaveLength(1);
    },
  );

  it("is accepted where it can be parsed", () => {
    expect(checkContent(email("<p>{{ a | upcase }}{% if b %}c{% endif %}</p>"))).toEqual([]);
  });

  it("is bounded in size and in tags", () => {
    expect(templateContent.safeParse(email("x".repeat(524_289))).success).toBe(false);
    expect(templateContent.safeParse(email("x\0")).success).toBe(false);
    expect(checkContent(email("{{ a }}".repeat(5_001)))[0]?.message).toMatch(/more than 5000 tags/);
  });
});
