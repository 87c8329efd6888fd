import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Effort } from "../effort.ts";
import { compileTemplate, engines, evaluateTemplate } from "../liquid.ts";
import { compileHtmlText } from "./compiled-text.ts";
import { textFromHtml } from "./text-from-html.ts";

/** Returns the compiled text of a template for some data, and the text of its rendered HTML. */
function textBothWays(source: string, data: Record<string, unknown>) {
  const template = compileTemplate(source, engines.html);
  const pieces = evaluateTemplate(template, data, new Effort());
  const textOf = compileHtmlText(
    template.pieces.map((piece) => (typeof piece === "string" ? piece : null)),
  );
  return { compiled: textOf(pieces, new Effort()), converted: textFromHtml(pieces.join("")) };
}

/** Values with markup, entities, parts of both, line endings, and empty ones. */
const value = fc.oneof(
  fc.constantFrom(
    ..."<b>|</p>|<|>|\"|'|&|&amp;|&am|p;|amp;|;|#39;|&#|x41;|--|-->|<!--|]]>|/|=| |\n|\r|\t|none|hidden|0|red|a b|<br>|</td><td>|<li>x|<p style='display:none'>x|https://example.org/?a=1&b=2|\u00a0|\u200b|\ue000|\ue0001\ue001|{{ a }}|é😀".split(
      "|",
    ),
  ),
  fc.string({ maxLength: 4 }),
  fc.constantFrom("", null, true, 7, [1, "<i>"]),
);
const data = fc.record({
  a: value,
  b: value,
  list: fc.array(fc.record({ name: value, hidden: fc.boolean() }), { maxLength: 3 }),
});

const output = fc.constantFrom(
  "{{ a }}",
  "{{ b }}",
  "{{ a | raw }}",
  "{{ a | escape }}",
  "{{ b | newline_to_br }}",
  "{% assign a = b %}",
  "{% if a %}",
  "{% if a == b %}x{% else %}<i>y</i>{% endif %}",
  "{% for one in list %}<li>{{ one.name }}</li>{% endfor %}",
  "{% for one in list %}<tr{% if one.hidden %} hidden{% endif %}><td>{{ one.name }}</td><td>1</td></tr>{% endfor %}",
  "{% comment %}{{ a }}{% endcomment %}",
  "{% if b %}{% break %}{% endif %}",
);
const literal = fc.constantFrom(
  ..."<p>|</p>|<div>|</div>|<b>|</b>|<br>|<ul>|</ul>|<ol reversed>|<ol>|</ol>|<li>|</li>|<table><tr><td>|</td><td>|</td></tr></table>|<td>|<tr>|<pre>|</pre>|<dl><dt>|<dd>|</dl>|<blockquote>|</blockquote>|<hr>|</a>|<head><title>|</title>|</head>|<body>|<style>|</style>|<script>|</script>|<!--|-->|<![CDATA[|]]>|&amp;|&|&#|&copy|<|</|<!|<!-|>| |\n|\r\n|word|;|amp;|\"|'|=|--|\u00a0|&zwnj;|\u200b|\ue000|{% endif %}".split(
    "|",
  ),
);
/** Outputs within tags, in every place. */
const tag = fc.tuple(output, output).map(([one, other]) => [one, other] as const);
const marked = fc.oneof(
  tag.map(([one, other]) => `<a href="https://example.org/${one}?x=${other}">`),
  tag.map(([one]) => `<a href="${one}">${one}</a>`),
  tag.map(([one]) => `<a href='${one}'>`),
  tag.map(([one]) => `<a href=${one}>`),
  tag.map(([one, other]) => `<p style="color:${one};margin:${other}">`),
  tag.map(([one]) => `<p style="${one}">`),
  tag.map(([one]) => `<p style="display:${one};color:red">`),
  tag.map(([one]) => `<div ${one}>`),
  tag.map(([one, other]) => `<div title="${one}" data-x='${other}' hidden="">x</div>`),
  tag.map(([one, other]) => `<img alt="${one}" src="${other}">`),
  tag.map(([one, other]) => `<img alt=${one} title=${other}>`),
  tag.map(([one]) => `<li value="${one}">`),
  tag.map(([one, other]) => `<style>.${one} { display: ${other} }</style><p class="x">`),
  tag.map(([one]) => `<style>.none { display: none }</style><p class="${one}">`),
  tag.map(([one]) => `<h${one}>`),
  tag.map(([one]) => `<${one}p>`),
  tag.map(([one]) => `</${one}p>`),
  tag.map(([one, other]) => `<!-- ${one} -- ${other}> -->`),
  tag.map(([one]) => `<p${one}title="x">`),
);

const template = fc
  .array(fc.oneof(output, literal, literal, marked), { minLength: 1, maxLength: 14 })
  .map((pieces) => pieces.join(""))
  .filter((source) => {
    try {
      compileTemplate(source, engines.html);
      return true;
    } catch {
      return false;
    }
  });

describe("a compiled text part", () => {
  it("is the text of the rendered HTML, for any template and data", () => {
    fc.assert(
      fc.property(template, fc.array(data, { minLength: 1, maxLength: 4 }), (source, all) => {
        for (const one of all) {
          const { compiled, converted } = textBothWays(source, one);
          expect(compiled).toBe(converted);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  /** Unescaped values, which could end or hide the element that they are in. */
  const raw = fc.constantFrom(
    ..."||\"|'|>|none|red|;display:none|red;display:none|/*|*/|!important|x y|x hidden y|x>y|hidden|x\" hidden=\"|x' hidden='|} .x { display: none|x|&quot;|&#59;display:none|https://example.org".split(
      "|",
    ),
  );
  const place = fc.constantFrom(
    '<p style="color:A;margin:B">',
    "<p style='color:A;margin:B'>",
    '<p style="A:none">',
    '<p style="color:A">',
    '<p style="display:A">',
    '<p style="displa&#121;:A">',
    '<p style="color:A;display:none/*B*/">',
    '<p style="color:red/*A;display:none;/*B*/">',
    '<p title="A" data-x="B">',
    "<p title='A' data-x='B'>",
    "<p title=A data-x=B>",
    '<p title=A data-x="B">',
    '<a href="A">',
    "<a href='A'>",
    '<a title=A href="B">',
    '<img alt="A">',
    '<ol start="A"><li value="B">',
    "<style>A</style>",
    "<style>.x { color: A } .B { display: none }</style>",
    '<style>.x { display: none }</style><p class="A" id="B">',
    "<style>.x { display: none }</style><p class=A>",
    "<title>A</title>",
    "<!-- A --B>",
    "<p A>",
    "<p hidden=A>",
    "<script>A</script>",
    "<textarea>A</textarea>",
  );

  it("is the text of the rendered HTML, even if values end the element that they are in", () => {
    fc.assert(
      fc.property(fc.array(place, { minLength: 1, maxLength: 2 }), raw, raw, (places, a, b) => {
        const source = places
          .map(
            (one) =>
              `${one.replaceAll("A", "{{ a | raw }}").replaceAll("B", "{{ b | raw }}")}shown<p>`,
          )
          .join("<p class=x>also");
        const { compiled, converted } = textBothWays(source, { a, b });
        expect(compiled).toBe(converted);
      }),
      { numRuns: 3_000, examples: [[['<a title=A href="B">'], "", "x hidden y"]] },
    );
  });
});
