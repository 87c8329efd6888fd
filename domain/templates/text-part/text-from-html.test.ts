import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { textFromHtml } from "./text-from-html.ts";

describe("the text of HTML", () => {
  it.each<[string, string, string]>([
    ["paragraphs", "<p>One</p>\n<p>Two <b>words</b></p>", "One\n\nTwo words"],
    ["headings", "<h1>Title</h1><p>Text</p><h2>Next</h2>More", "Title\n\nText\n\nNext\n\nMore"],
    ["white space", "  a \n\t b&nbsp;&nbsp;c <i> d</i> ", "a b c d"],
    ["words in inline elements", "<b>un</b><i>do</i>", "undo"],
    ["line breaks", "a<br>b<br/>c</br>d<br><br><br><br>e", "a\nb\nc\nd\n\ne"],
    ["empty blocks", "<p>a</p><p></p><div><div></div></div><p>&nbsp;</p><p>b</p>", "a\n\nb"],
    ["blocks by their style", 'a<span style="display: block">b</span>c', "a\nb\nc"],
    [
      "block elements that are inline by their style",
      'a <div style="display:inline">b</div> c',
      "a b c",
    ],
    [
      "boxes in a line",
      '<a style="display:inline-block">A</a><a style="display:inline-block">B</a>',
      "A B",
    ],
    ["floating elements", '<p><span style="float: left">Tea</span><b>4.00</b></p>', "Tea 4.00"],
    ["a rule", "a<hr>b", `a\n\n${"-".repeat(40)}\n\nb`],
    ["a quotation", "<p>a</p><blockquote>b<br>c</blockquote>d", "a\n\n> b\n> c\n\nd"],
    ["preformatted text", "<pre>\n  a\n    b  c\n</pre>", "  a\n    b  c"],
    ["lines by their style", '<p style="white-space:pre-line">a  b\nc</p>', "a b\nc"],
    [
      "entities, once",
      "&lt;b&gt; &amp;amp; &euro;5 &#x1F600; &copy &notit;",
      "<b> &amp; €5 😀 © ¬it;",
    ],
    ["text that looks like markup", "1 < 2 <3 a<b", "1 < 2 <3 a"],
    ["an image", '<p><img src="x" alt="Our  logo">Hello</p><img alt=""><img>', "Our logo Hello"],
    ["unfinished markup", "<p>a<p>b<div>c</p>d", "a\n\nb\n\nc\n\nd"],
  ])("has %s", (_, html, text) => {
    expect(textFromHtml(html)).toBe(text);
  });

  it.each<[string, string, string]>([
    [
      "a line a row, and a blank between cells",
      "<table><tr><th>Item</th><th>Price</th></tr><tr><td>Tea</td><td>4.00</td></tr></table>",
      "Item Price\nTea 4.00",
    ],
    [
      "groups of rows and a caption",
      "<table><caption>Order</caption><thead><tr><th>A<th>B<tbody><tr><td>1<td>2<tr><td>3<td>4<tfoot><tr><td>5<td>6</table>",
      "Order\nA B\n1 2\n3 4\n5 6",
    ],
    ["cells without rows", "<table><td>a</td><td>b</td></table>", "a b"],
    ["empty cells", "<table><tr><td>a</td><td></td><td>&nbsp;</td><td>b</td></tr></table>", "a b"],
    [
      "cells that hold a paragraph each",
      "<table><tr><td><p>a</p></td><td><p>b</p></td></tr><tr><td><p>c</p></td><td><p>d</p></td></tr></table>",
      "a b\nc d",
    ],
    [
      "tables in tables, for the layout",
      '<table role="presentation"><tr><td><table><tr><td>Dear Ada,</td></tr><tr><td>your order</td></tr></table></td></tr><tr><td>Bye</td></tr></table>',
      "Dear Ada,\nyour order\nBye",
    ],
    [
      "columns of paragraphs, one after the other",
      "<table><tr><td><p>a</p><p>b</p></td><td><p>c</p><p>d</p></td></tr></table>",
      "a\n\nb\n\nc\n\nd",
    ],
    [
      "a paragraph and a table in turn",
      "<p>You bought:</p><table><tr><td>Tea</td><td>1</td></tr></table><p>Bye</p>",
      "You bought:\n\nTea 1\n\nBye",
    ],
    ["a stray end", "<div><table><tr><td>a</div></td><td>b</td></tr></table></div>c", "a b\nc"],
  ])("has tables: %s", (_, html, text) => {
    expect(textFromHtml(html)).toBe(text);
  });

  it.each<[string, string, string]>([
    ["without order", "<ul><li>a</li><li>b</li></ul>", "- a\n- b"],
    ["in order", "<ol><li>a<li>b<li>c</ol>", "1. a\n2. b\n3. c"],
    [
      "within lists",
      "<ul><li>a<ol><li>b<br>c</li><li>d</li></ol></li><li>e</li></ul>f",
      "- a\n  1. b\n     c\n  2. d\n- e\n\nf",
    ],
    [
      "from a number",
      '<ol start="9"><li>a<li>b<li value="20">c<li>d</ol>',
      "9. a\n10. b\n20. c\n21. d",
    ],
    ["backwards", "<ol reversed><li>a<li>b<li>c</ol>", "3. a\n2. b\n1. c"],
    ["backwards from a number", "<ol reversed start=5><li>a<li>b</ol>", "5. a\n4. b"],
    [
      "with letters and Roman numbers",
      '<ol type="a" start="26"><li>a<li>b</ol><ol type=I start=4><li>c</ol>',
      "z. a\naa. b\n\nIV. c",
    ],
    ["without marks", '<ul style="list-style:none"><li>a</li><li>b</li></ul>', "a\nb"],
    ["with paragraphs", "<ul><li><p>a</p><p>b</p></li><li><p>c</p></li></ul>", "- a\n\n  b\n\n- c"],
    ["with nothing in an item", "<ol><li></li><li>b</li></ol>", "1.\n2. b"],
    ["hidden items do not count", '<ol><li>a<li style="display:none">x<li>b</ol>', "1. a\n2. b"],
    ["of terms", "<dl><dt>Tea</dt><dd>4.00</dd><dt>Milk<dd>1.00</dl>", "Tea\n  4.00\nMilk\n  1.00"],
    [
      "items in a row's cells",
      "<table><tr><td><ul><li>a</ul></td><td>b</td></tr></table>",
      "- a b",
    ],
  ])("has lists: %s", (_, html, text) => {
    expect(textFromHtml(html)).toBe(text);
  });

  it.each<[string, string, string]>([
    [
      "with its address",
      'See <a href="https://example.org/?a=1&amp;b=2">this</a>.',
      "See this [https://example.org/?a=1&b=2].",
    ],
    [
      "that is its address",
      '<a href="https://example.org/x">https://example.org/x</a>',
      "https://example.org/x",
    ],
    [
      "but for a slash",
      '<a href="https://example.org/">https://example.org</a>',
      "https://example.org",
    ],
    [
      "but for the scheme and case",
      '<a href="https://example.org/">Example.org</a>',
      "Example.org",
    ],
    [
      "but for what is encoded",
      '<a href="https://example.org/%C3%A9">https://example.org/é</a>',
      "https://example.org/é",
    ],
    [
      "to somebody",
      '<a href="mailto:ada@example.org">ada@example.org</a>, <a href="MAILTO:bob@example.org?subject=Hi">Bob</a>',
      "ada@example.org, Bob [bob@example.org]",
    ],
    ["to a telephone", '<a href="tel:+49301234">+49 (30) 1234</a>', "+49 (30) 1234"],
    [
      "to another place",
      '<a href="https://example.org/a">https://example.org/b</a>',
      "https://example.org/b [https://example.org/a]",
    ],
    [
      "that leads nowhere",
      '<a>a</a> <a href="#top">b</a> <a href="">c</a> <a href="javascript:x()">d</a>',
      "a b c d",
    ],
    [
      "beside another",
      '<a href="https://a.example">A</a><a href="https://b.example">B</a>',
      "A [https://a.example] B [https://b.example]",
    ],
    [
      "around an image",
      '<a href="https://a.example"><img alt="Logo" src="x"></a>',
      "Logo [https://a.example]",
    ],
    [
      "around an image that says nothing",
      '<a href="https://a.example"><img src="x"></a>',
      "[https://a.example]",
    ],
    ["around nothing", 'a<a href="https://a.example"></a>b', "ab"],
    [
      "around a block",
      '<a href="https://a.example"><div>Go</div></a>there',
      "Go [https://a.example]\nthere",
    ],
    [
      "around a table",
      '<a href="https://a.example"><table><tr><td>Go</td><td>on</td></tr></table></a>',
      "Go on [https://a.example]",
    ],
    [
      "in a cell",
      '<table><tr><td><a href="https://a.example">A</a></td><td>1</td></tr></table>',
      "A [https://a.example] 1",
    ],
    [
      "that is never closed",
      '<p><a href="https://a.example">A</p><p>b</p>',
      "A [https://a.example]\n\nb",
    ],
  ])("has a link %s", (_, html, text) => {
    expect(textFromHtml(html)).toBe(text);
  });

  const shown = (html: string) => textFromHtml(`<p>a</p>${html}<p>b</p>`);

  it.each([
    "<title>x</title>",
    "<head><title>x</title><meta name=x><style>p { content: 'x' }</style></head>",
    "<script>document.write('<p>x</p>')</script>",
    "<!-- x --><!--[if mso]><p>x</p><![endif]-->",
    '<div style="display:none">x<div>x</div>x</div>',
    '<div style="DISPLAY : None !important;display:block">x</div>',
    "<span hidden>x</span>",
    '<div style="visibility:hidden">x</div>',
    '<div style="font-size:0">x</div>',
    '<div style="font:0/0 a">x</div>',
    '<div style="max-height:0px;overflow:hidden;font-size:1px">x</div>',
    '<div style="height:0;width:0;overflow:hidden">x</div>',
    '<div style="opacity:0.0;color:transparent">x</div>',
    '<div style="display:none"><a href="https://example.org">x</a><img alt="x"><li>x</li></div>',
    '<table><tr style="display:none"><td>x</td></tr></table>',
    "<p hidden>x",
    '<div style="display:none"><span>x</div>',
    "&zwnj;&nbsp;&#8203;&#847; &zwnj;&nbsp;&shy;&#8199;&#65279;",
    "<template><p>x</p></template>",
  ])("leaves out hidden text: %s", (html) => {
    expect(shown(html)).toBe("a\n\nb");
  });

  it.each([
    '<div style="mso-hide:all">x</div>',
    '<div aria-hidden="true">x</div>',
    '<div style="font-size:0"><span style="font-size:14px">x</span></div>',
    '<div style="visibility:hidden"><span style="visibility:visible">x</span></div>',
    '<div style="font-size:0"><img alt="x"></div>',
    '<div style="max-height:0">x</div>',
    '<style>@media (max-width: 9px) { .a { color: red } .a { display: none } } .b .a { display: none } .a:hover { display: none }</style><div class="a">x</div>',
    '<style>.a { display: none } div#b { display: block }</style><div class="a" id="b">x</div>',
    '<style>.a { display: none }</style><div class="a" style="display: block">x</div>',
    '<div hidden style="display:block">x</div>',
    "<!--[if !mso]><!-->x<!--<![endif]-->",
    "<![if !mso]>x<![endif]>",
    "&zwnj;&nbsp;&zwnj;x&#8203;",
  ])("keeps visible text: %s", (html) => {
    expect(shown(html)).toMatch(/^a\n\n?x\n\n?b$/);
  });

  it("keeps characters without width between letters", () => {
    const text = "می‌خواهم 👩‍💻 Donau\u00addampf";
    expect(textFromHtml(`<p>${text}</p>`)).toBe(text);
  });

  it.each<[string, string]>([
    ["elements within elements", "<div>".repeat(400_000)],
    ["spans and ends of others", `${"<span>".repeat(600)}${"</b>".repeat(400_000)}`],
    ["blocks below many elements", `${"<span>".repeat(511)}${"<div></div>".repeat(200_000)}`],
    ["lists within lists", "<ul><li>x".repeat(200_000)],
    ["tables within tables", "<table><tr><td>x".repeat(100_000)],
    ["rows of cells", `<table><tr>${"<td>x".repeat(300_000)}`],
    ["quotations", "<blockquote>x".repeat(100_000)],
    ["blanks", `a${" ".repeat(2_000_000)}b`],
    ["fillers", `a${"\u200b ".repeat(1_000_000)}b`],
    ["preformatted blanks", `<pre>${" ".repeat(1_000_000)}\u200b${" ".repeat(1_000_000)}</pre>`],
    ["links around links", '<a href="https://a.example">x'.repeat(60_000)],
    ["attributes", `<p ${"a=b ".repeat(400_000)}>`],
    ["style upon style", `<p style="${"display:none;".repeat(150_000)}">`],
    [
      "rules of style",
      `<style>${".a{display:none}".repeat(60_000)}</style>${'<p class="b a">'.repeat(60_000)}`,
    ],
    [
      "comments in styles",
      `<style>${"/*".repeat(300_000)}</style><p style="${"/*".repeat(300_000)}">`,
    ],
    ["blocks of style", `<style>${"@media{".repeat(300_000)}</style>`],
    ["statements of style", `<style>${"@x;".repeat(300_000)}{</style>`],
    ["comments that are not closed", "<!--".repeat(500_000)],
    ["entities", "&amp;&lt".repeat(200_000)],
    ["line ends of links", `${"<a href=x>".repeat(500)}${"x<br>".repeat(200_000)}`],
  ])("does not take long: %s", (_, html) => {
    const before = process.cpuUsage();
    const text = textFromHtml(html);
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1_000).toBeLessThan(4_000);
    expect(text.length).toBeLessThan(20 * html.length);
  });

  const fragment = fc.oneof(
    fc.constantFrom(
      ..."<p> </p> <div> </div> <b> </b> <br> <ul> </ul> <ol> <li> </li> <table> <tr> <td> </td> </tr> </table> <pre> </pre> <a> </a> <dl> <dt> <dd> <hr> <blockquote> </blockquote> &amp; &nbsp; &zwnj; &#8203;".split(
        " ",
      ),
      '<a href="https://example.org/">',
      '<p style="display:none">',
      "<ol reversed>",
      "\n",
      " ",
      "word",
      "-",
    ),
    fc.string({ maxLength: 5 }),
  );

  it("has no two blank lines in a row, no blank line at either end, and no blanks at the ends of lines", () => {
    fc.assert(
      fc.property(fc.array(fragment, { maxLength: 40 }), (fragments) => {
        const text = textFromHtml(fragments.join("").replaceAll(/<pre[^>]*>/g, ""));
        expect(text).not.toMatch(/\n\n\n|^\n|\s$|[ \t]\n|\u00a0/);
      }),
    );
  });
});
