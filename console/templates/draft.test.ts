import { describe, expect, it } from "vitest";
import { type JsonObject, sampleOf } from "../parts/json-schema.ts";
import { compareDrafts, readText, writeAt } from "./draft.ts";
import { layoutOf, withLayout } from "./snippets.ts";
import { completeVariables } from "./variables.ts";

const content: JsonObject = { email: { subject: "S", html: "H" }, locales: { de: {} } };

describe("the content of a draft", () => {
  it("is written at a path, in its order, and what it was stays as it was", () => {
    const changed = writeAt(content, ["email", "subject"], "T");
    expect(JSON.stringify(changed)).toBe(
      '{"email":{"subject":"T","html":"H"},"locales":{"de":{}}}',
    );
    const localized = writeAt(changed, ["locales", "de", "email", "subject"], "Betreff");
    expect(readText(localized, ["locales", "de", "email", "subject"])).toBe("Betreff");
    expect(writeAt(localized, ["email", "html"], undefined)["email"]).toEqual({ subject: "T" });
    expect(readText(content, ["email", "subject"])).toBe("S");
  });

  it("is compared text by text, in every locale, with what else a channel has", () => {
    const before = { content, variables: "{}" };
    const after = {
      content: {
        email: { subject: "S", html: "H2", fromName: "Shop" },
        locales: { de: { push: { title: "Titel" } } },
      },
      variables: '{"type":"object"}',
    };
    expect(compareDrafts(before, before)).toEqual([]);
    expect(
      compareDrafts(before, after).map((each) => [each.name, each.before, each.after]),
    ).toEqual([
      ["Email, HTML", "H", "H2"],
      ["Email, settings", "", '{\n  "fromName": "Shop"\n}'],
      ["Push, Title (de)", "", "Titel"],
      ["Variables", "{}", '{"type":"object"}'],
    ]);
  });

  it("has one layout around it, or none", () => {
    const surrounded = withLayout("<p>x</p>", "main");
    expect([surrounded, layoutOf(surrounded)]).toEqual(['{% layout "main" %}\n<p>x</p>', "main"]);
    expect(withLayout(surrounded, "other")).toBe('{% layout "other" %}\n<p>x</p>');
    expect(withLayout("{%- layout 'main' -%}<p>x</p>", null)).toBe("<p>x</p>");
    expect(layoutOf("<p>x</p>")).toBeNull();
  });
});

describe("the variables of a template", () => {
  const schema = {
    type: "object",
    properties: {
      order: { type: "string", examples: ["A-1"] },
      state: { type: ["string", "null"], enum: ["new", "old"] },
      items: {
        type: "array",
        items: { type: "object", properties: { count: { type: "integer", minimum: 2 } } },
      },
      on: { type: "string", format: "date" },
    },
  };

  it("have examples", () => {
    expect(sampleOf(schema)).toEqual({
      order: "A-1",
      state: "new",
      items: [{ count: 2 }],
      on: "2027-03-01",
    });
  });

  it("are completed, with the properties of the recipient", () => {
    const { names, propertiesOf } = completeVariables(schema, ["name"]);
    const labels = (path: string[]) => propertiesOf(path).map(({ label }) => label);
    expect(names.map(({ label }) => label)).toEqual(["order", "state", "items", "on", "recipient"]);
    expect(labels(["items", "[]"])).toEqual(["count"]);
    expect(labels(["recipient"])).toContain("timeZone");
    expect(labels(["recipient", "attributes"])).toEqual(["name"]);
    expect(labels(["order"])).toEqual([]);
    expect(labels(["nothing", "more"])).toEqual([]);
  });
});
