import { describe, expect, it } from "vitest";
import { contentFor } from "./content-for.ts";
import { type TemplateContent, templateContent } from "./content.ts";
import { compileInApp, renderInApp } from "./in-app.ts";
import { compilePush, renderPush } from "./push.ts";
import { emailScope, renderEmail } from "./template.ts";
import { TemplateError } from "./template-error.ts";

const recipient = {
  id: "rcp_1",
  externalId: null,
  email: "ann@example.org",
  timeZone: "UTC",
  locale: "en",
  attributes: { name: "Ann" },
};
const scope = (data: Record<string, unknown>) => emailScope(recipient, data);
const push = (content: TemplateContent, data: Record<string, unknown> = {}) =>
  renderPush(compilePush(content), scope(data));
const inApp = (content: TemplateContent, data: Record<string, unknown> = {}) =>
  renderInApp(compileInApp(content), scope(data));

const wholePush = {
  title: "Order {{ number }}",
  body: "{{ recipient.attributes.name }}: <b> & {{ note }}",
  icon: "https://example.org/icon.png",
  url: "https://example.org/orders/{{ number | url_encode }}",
  tag: "order-{{ number }}",
  requireInteraction: true,
  actions: [
    { label: "Track {{ number }}", url: "https://example.org/track", icon: "{{ icon }}" },
    { label: "{{ missing }}", url: "https://example.org/" },
    { label: "Pay", url: "{{ payUrl }}" },
  ],
};

describe("a push notification", () => {
  it("has its own content, in which nothing is escaped", () => {
    expect(push({ push: wholePush }, { number: "A 1", note: "<i>\nx" })).toEqual({
      title: "Order A 1",
      body: "Ann: <b> & <i>\nx",
      icon: "https://example.org/icon.png",
      url: "https://example.org/orders/A+1",
      tag: "order-A 1",
      requireInteraction: true,
      silent: false,
      actions: [{ label: "Track A 1", url: "https://example.org/track" }],
    });
  });

  it.each(["javascript:alert(1)", "//example.org/x", "ftp://example.org", "/orders", "a b"])(
    "fails if an address is not one of the web: %s",
    (url) => {
      const content = { push: { title: "T", body: "B", url: "{{ url }}" } };
      expect(() => push(content, { url })).toThrow(
        new TemplateError("url", "does not render to an http or https address"),
      );
      expect(push(content, { url: "" })).not.toHaveProperty("url");
    },
  );

  it("names the button whose address is wrong", () => {
    const actions = [{ label: "A", url: "{{ url }}" }];
    expect(() => push({ push: { title: "T", body: "B", actions } }, { url: "x" })).toThrow(
      /^actions\.0\.url: does not render/,
    );
  });

  it("has the subject and the text of the email otherwise, cut to a few lines", () => {
    const html = `<p>Hello {{ name }},</p><p>${"word ".repeat(100)}</p>`;
    const { title, body } = push(
      { email: { subject: "{{ a }}\n& more", html } },
      { a: "<1>", name: "<Ann>" },
    );
    expect(title).toBe("<1> & more");
    expect(body).toMatch(/^Hello <Ann>,\n\nword .*word…$/s);
    expect(body.length).toBeLessThanOrEqual(240);
    expect(push({ email: { subject: "S", html, text: "{{ name }}" } }, { name: "<x>" }).body).toBe(
      "<x>",
    );
  });

  it("has the title, body, link and buttons of an inbox item before those of an email", () => {
    const item = { title: "T", body: "B", url: "https://example.org/", category: "orders" };
    const email = { subject: "S", html: "H" };
    expect(push({ email, in_app: item })).toEqual({
      title: "T",
      body: "B",
      url: "https://example.org/",
      requireInteraction: false,
      silent: false,
      actions: [],
    });
  });
});

describe("an inbox item", () => {
  it("has its own content", () => {
    const item = { title: "{{ a }}", body: "{{ a }}\n", category: " {{ a }} ", url: "{{ url }}" };
    expect(inApp({ in_app: item }, { a: "<x>", url: "http://example.org/?a=1" })).toEqual({
      title: "<x>",
      body: "<x>",
      category: "<x>",
      url: "http://example.org/?a=1",
      actions: [],
    });
  });

  it("has the content of a push notification otherwise, without the icons of its buttons", () => {
    const data = { number: 1, note: "n", icon: "https://example.org/i.png" };
    expect(inApp({ push: wholePush }, data)).toEqual({
      title: "Order 1",
      body: "Ann: <b> & n",
      url: "https://example.org/orders/1",
      actions: [{ label: "Track 1", url: "https://example.org/track" }],
    });
    expect(inApp({ email: { subject: "S", html: "<p>a</p><p>b</p>" } }).body).toBe("a\n\nb");
  });
});

describe("an email without content of its own", () => {
  it("has the title as subject, and escaped paragraphs with the link", () => {
    const { subject, html, text } = renderEmail(
      { push: { title: "{{ a }}", body: "a < b {{ a }}\nc\n\n{{ a | raw }}", url: "{{ url }}" } },
      { a: "<i>", url: "https://example.org/?a=1&b='" },
    );
    expect(subject).toBe("<i>");
    expect(html).toContain(
      `<p>a &lt; b &lt;i&gt;<br>\nc</p>\n<p>&lt;i&gt;</p>\n<p><a href="https://example.org/?a=1&amp;b=&#39;">https://example.org/?a=1&amp;b=&#39;</a></p>\n</body>`,
    );
    expect(text).toBe("a < b <i>\nc\n\n<i>\n\nhttps://example.org/?a=1&b='\n");
  });

  it("has no link if the address renders to nothing, and fails if it is not one of the web", () => {
    const content = { in_app: { title: "T", body: "B", url: "{{ url }}" } };
    expect(renderEmail(content, {})).toMatchObject({ text: "B\n" });
    expect(renderEmail(content, {}).html).not.toContain("<a");
    expect(() => renderEmail(content, { url: "javascript:x" })).toThrow(TemplateError);
  });
});

describe("the content of a template", () => {
  it("is unchanged for a channel that has its own", () => {
    const email = { subject: "S", html: "H" };
    expect(contentFor("email", { email, push: wholePush })).toBe(email);
  });

  it("must be given for a channel at least, and for known ones only", () => {
    const faults = (content: unknown) =>
      templateContent.safeParse(content).error?.issues.map(({ path, message }) => [path, message]);
    expect(faults({})).toEqual([[[], "must have at least one of email, push, in_app"]]);
    expect(faults({ inapp: { title: "T", body: "B" } })).toBeDefined();
    expect(faults({ push: { ...wholePush, colour: "red" } })).toBeDefined();
    expect(faults({ push: wholePush })).toBeUndefined();
  });
});
