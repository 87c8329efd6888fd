import { describe, expect, it } from "vitest";
import { checkContent } from "./check-content.ts";
import { type TemplateContent, templateContent } from "./content.ts";
import { localizeContent, matchLocale } from "./locales.ts";
import { compilePush, renderPush } from "./push.ts";
import { renderEmail } from "./template.ts";

const content: TemplateContent = {
  email: { subject: "Hello", html: "<p>Hello</p>", text: "Hello" },
  push: { title: "Hello", body: "Body", tag: "t" },
  locales: {
    de: {
      email: { subject: "Hallo", html: "<p>Hallo</p>" },
      push: { title: "Hallo" },
      in_app: { title: "Hallo", body: "Text" },
    },
    "de-AT": { push: { title: "Servus" } },
    "zh-Hant": { email: { subject: "你好" } },
  },
};

describe("the locale of a recipient", () => {
  it.each([
    ["de-AT", "de-AT"],
    ["de-AT-1996", "de-AT"],
    ["de-CH", "de"],
    ["de", "de"],
    ["zh-Hant-TW", "zh-Hant"],
    ["de-u-co-phonebk", "de"],
    ["zh", null],
    ["en", null],
    ["constructor", null],
  ])("chooses for %s the content of %s", (tag, locale) => {
    expect(matchLocale(content, tag)).toBe(locale);
  });

  it("chooses the default content where a template has no locales", () => {
    expect(matchLocale({ email: { subject: "S", html: "H" } }, "de")).toBeNull();
  });
});

describe("the content of a locale", () => {
  it("falls back field by field, from de-AT to de to the default", () => {
    expect(localizeContent(content, "de-AT")).toEqual({
      email: { subject: "Hallo", html: "<p>Hallo</p>" },
      push: { title: "Servus", body: "Body", tag: "t" },
      in_app: { title: "Hallo", body: "Text" },
    });
    expect(localizeContent(content, null)).toBe(content);
  });

  it("does not have the text part of another language", () => {
    expect(renderEmail(content, {}, "de")).toEqual({
      subject: "Hallo",
      html: "<p>Hallo</p>",
      text: "Hallo",
    });
    expect(renderEmail(content, {}, "zh-Hant")).toMatchObject({ subject: "你好", text: "Hello" });
  });

  it("is what other channels derive from", () => {
    const { email, locales } = content;
    const only = { email: email!, locales: { de: { email: locales!["de"]!.email! } } };
    expect(renderPush(compilePush(only, "de"), {})).toMatchObject({
      title: "Hallo",
      body: "Hallo",
    });
  });

  it("is checked when it is saved: tags, fields that are missing, and templates", () => {
    const issues = (locales: object, base: object = { email: content.email }) =>
      templateContent
        .safeParse({ ...base, locales })
        .error?.issues.map(({ path }) => path.join("/")) ?? [];
    expect(issues({ "de german": { email: {} } })).toEqual(["locales/de german"]);
    expect(issues({ de: { push: { title: "T" } } })).toEqual(["locales/de/push/body"]);
    expect(issues({ de: { push: { title: "T" } } }, { push: content.push })).toEqual([]);
    expect(issues({ "de-AT": { push: { title: "T" } }, de: { push: { body: "B" } } })).toEqual([
      "locales/de/push/title",
    ]);
    expect(
      checkContent({
        ...content,
        locales: { de: { email: { html: "\n{{ a" }, push: { url: "x" } } },
      }),
    ).toEqual([
      {
        path: ["locales", "de", "email", "html"],
        message: expect.stringMatching(/not closed, line:2/),
        line: 2,
        column: 1,
      },
      {
        path: ["locales", "de", "push", "url"],
        message: "url: does not render to an http or https address",
      },
    ]);
  });

  it("is stored under the canonical tag", () => {
    const parsed = templateContent.parse({
      email: content.email,
      locales: { "de-at": { email: { subject: "Servus" } } },
    });
    expect(Object.keys(parsed.locales!)).toEqual(["de-AT"]);
  });
});
