import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { escapeHtml } from "../liquid-values.ts";
import { findLinks } from "./find-links.ts";
import {
  fillAddress,
  fitsPlan,
  listLabels,
  planLinks,
  type ReplaceAddress,
  rewriteHtml,
} from "./link-plan.ts";
import { addUtm, numberLink, ownAddresses, webAddress } from "./web-links.ts";
import { rewriteText } from "./text-links.ts";

const isOwn = ownAddresses(["https://tidings.example.org", "https://t.example.org"]);
const replace: ReplaceAddress = (href) => {
  const address = webAddress(href);
  return address === null || isOwn(address) ? null : { isTracked: true, text: hexOf(address.href) };
};
const hexOf = (address: string) => Buffer.from(address).toString("hex");
const clickUrl = "https://t.example.org/t/c/token/";
const message = { clickUrl, addition: "<img>" };
const tracked = (address: string) => clickUrl + hexOf(address);
const rewrite = (html: string) => rewriteHtml(html, replace, message);

/** Fills a plan, as messages are composed; null where it does not apply. */
function fill(literals: (string | null)[], values: string[]): string | null {
  const parts = planLinks(literals, replace);
  if (parts === null) return null;
  let html = "";
  for (const part of parts)
    switch (part.kind) {
      case "literal":
        html += part.text;
        break;
      case "click":
        html += clickUrl;
        break;
      case "addition":
        html += message.addition;
        break;
      case "value": {
        const value = values[part.index]!;
        if (!fitsPlan(value, part.isText)) return null;
        html += rewriteHtml(value, replace, { clickUrl, addition: "" });
        break;
      }
      case "address": {
        const numbers = part.parts.filter((one) => typeof one === "number");
        if (numbers.some((index) => !fitsPlan(values[index]!, false))) return null;
        const written = part.parts.map((one) => (typeof one === "string" ? one : values[one]!));
        html += fillAddress(written.join(""), part.label, replace, clickUrl);
      }
    }
  return html;
}

describe("changed links", () => {
  it("lead to the same target, with its entities decoded, whatever the quotes are", () => {
    expect(rewrite(`<body><a class=k href="https://x.org/?a=1&amp;b=2">t</a></body>`)).toBe(
      `<body><a class=k href="${tracked("https://x.org/?a=1&b=2")}">t</a><img></body>`,
    );
    expect(rewrite(`<A HREF='http://x.org/'>t</A><area href=https://y.org/>`)).toBe(
      `<A HREF='${tracked("http://x.org/")}'>t</A><area href=${tracked("https://y.org/")}><img>`,
    );
  });

  it.each([
    "mailto:ada@example.org",
    "tel:+43123",
    "#top",
    "/relative",
    "javascript:alert(1)",
    "https://ada:secret@example.org/",
    "https://",
    "https://tidings.example.org/u/5QEB",
    "https://t.example.org/t/c/x/y",
    `https://x.org/${"a".repeat(2_000)}`,
  ])("leave %s alone", (href) => {
    const html = `<a href="${href}">t</a>`;
    expect(rewrite(html)).toBe(`${html}<img>`);
  });

  it.each([
    '<a data-tracking="off" href="https://x.org/">t</a>',
    '<a href="https://x.org/" data-tracking=OFF>t</a>',
    '<!-- <a href="https://x.org/">t</a> -->',
    '<style>a[href="https://x.org/"] { color: red }</style>',
    '<textarea><a href="https://x.org/"></textarea>',
    '<a name="x">t</a><link href="https://x.org/style.css"><img src="https://x.org/a.png">',
    '<a data-href="https://x.org/">t</a>',
    '<a href="&#104;ttps://x.org/">t</a>',
  ])("are not in %s", (html) => {
    expect(rewrite(html)).toBe(`${html}<img>`);
  });
});

describe("a plan of a template", () => {
  it("fills in addresses that contain values, and reads values that contain links", () => {
    const literals = [
      "<p>Hello ",
      null,
      '</p><a href="https://x.org/?id=',
      null,
      '&amp;b=2">t</a>',
      null,
    ];
    const values = ["Ada &lt;3", "a&amp;b", '<a href="https://y.org/">y</a>'];
    const filled = fill(literals, ["", values[0]!, "", values[1]!, "", values[2]!]);
    expect(filled).toBe(
      `<p>Hello Ada &lt;3</p><a href="${tracked("https://x.org/?id=a&b&b=2")}">t</a><a href="${tracked("https://y.org/")}">y</a><img>`,
    );
  });

  it("gives way where a value could move a link", () => {
    for (const literals of [
      ["<", null, ' href="https://x.org/">'],
      ["<a href=", null, ">t</a>"],
      ['<a href="https://x.org/">\ue000</a>', null],
    ])
      expect(planLinks(literals, replace)).toBeNull();
    const inAttribute = ['<a title="', null, '" href="https://x.org/">t</a>'];
    expect(fill(inAttribute, ["", 'x" href="https://y.org/', ""])).toBeNull();
    expect(fill(["<p>", null, "</p>"], ["", "<!--", ""])).toBeNull();
    expect(fill(["<p>", null, '</p><a href="https://x.org/">'], ["", "<b title='", ""])).toBeNull();
  });

  it("makes what reading the whole HTML would make, wherever it applies", () => {
    const piece = fc.oneof(
      fc.constantFrom(
        '<a href="https://x.org/?a=1&amp;b=2">',
        "<a href='https://y.org/",
        '<a href="https://z.org/',
        '<a title="',
        "'>",
        '">',
        "</a>",
        "<p>",
        "</body>",
        "<!-- ",
        " -->",
        "<style>",
        "</style>",
        " text & more ",
        "<",
      ),
      fc.string({ maxLength: 6 }),
    );
    const value = fc.oneof(
      fc.string({ maxLength: 6 }).map(escapeHtml),
      fc.constantFrom('<a href="https://v.org/">v</a>', "<b>", "<", '"', "</a", "<!--", "a&amp;b"),
    );
    let applied = 0;
    fc.assert(
      fc.property(fc.array(fc.tuple(piece, piece, fc.option(value)), { maxLength: 8 }), (all) => {
        const literals: (string | null)[] = [];
        const values: string[] = [];
        for (const [one, two, own] of all) {
          literals.push(one + two, ...(own === null ? [] : [null]));
          values.push(one + two, ...(own === null ? [] : [own]));
        }
        const filled = fill(literals, values);
        if (filled === null) return;
        applied += 1;
        expect(filled).toBe(rewrite(values.join("")));
      }),
      { numRuns: 2_000 },
    );
    expect(applied).toBeGreaterThan(300);
  });

  it("changes nothing but addresses", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 60 }), (text) => {
        const html = `<a href="https://x.org/">${escapeHtml(text)}</a>`;
        const rewritten = rewrite(html);
        expect(rewritten).toBe(`${html.replace("https://x.org/", tracked("https://x.org/"))}<img>`);
        expect(findLinks(rewritten).links).toHaveLength(1);
      }),
    );
  });
});

it("numbers links by their address in the template", () => {
  expect(listLabels('<a href="https://x.org/{{ a }}{% if b %}?c">{% endif %}</a>')).toEqual([
    "https://x.org/{…}?c",
  ]);
  expect(numberLink("https://x.org/")).toBe(numberLink("https://x.org/"));
  expect(numberLink("https://x.org/")).toBeLessThan(2 ** 31);
});

describe("parameters of campaigns", () => {
  const utm = { source: "news letter", medium: "email", campaign: "spring" };
  const added = "utm_source=news%20letter&utm_medium=email&utm_campaign=spring";
  it.each([
    ["https://x.org", `https://x.org?${added}`],
    ["https://x.org/?a=b%20c#d?e", `https://x.org/?a=b%20c&${added}#d?e`],
    ["https://x.org/?", `https://x.org/?${added}`],
    [
      "https://x.org/?utm_medium=sms&utm_source=a",
      "https://x.org/?utm_medium=sms&utm_source=a&utm_campaign=spring",
    ],
  ])("are added to %s", (address, expected) => {
    expect(addUtm(address, utm)).toBe(expected);
  });

  it("are added to addresses in texts, without the punctuation behind them", () => {
    expect(
      rewriteText("See (https://x.org/a), or https://y.org.", (address) => `[${address}]`),
    ).toBe("See ([https://x.org/a]), or [https://y.org].");
  });
});
