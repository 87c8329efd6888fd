import { expect, it } from "vitest";
import { findEmptyFields, listFields } from "./empty-fields.ts";

it("finds the fields of the recipient that a message uses and a recipient lacks", () => {
  const fields = listFields({
    email: {
      subject: "Hello {{ recipient.attributes.name }}",
      html: '{% if recipient.locale == "de" %}{{ recipient.attributes.city | default: "you" }}{% endif %}',
    },
  });
  expect(fields).toEqual(["attributes.name", "locale"]);
  expect(findEmptyFields(fields, { locale: "de", attributes: { name: "" } })).toEqual([
    "attributes.name",
  ]);
  expect(findEmptyFields(fields, { locale: "", attributes: { name: "Ada" } })).toEqual(["locale"]);
});
