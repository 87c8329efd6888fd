import { expect, it } from "vitest";
import { exampleRecipientOf } from "./example-recipient.ts";

const attributesOf = (html: string) => exampleRecipientOf({ email: { html } })["attributes"];

it("has each attribute that the content uses, with a value that looks like one", () => {
  expect(
    attributesOf(
      "{{ recipient.attributes.firstName }} {% if recipient.attributes.plan == 'pro' %}{{ recipient.attributes.shoe_size }}{% endif %}",
    ),
  ).toEqual({ name: "Ada", firstName: "Ada", plan: "pro", shoe_size: "shoe_size" });
});

it("leaves out what has a default, and what is not an attribute", () => {
  expect(
    attributesOf("{{ recipient.attributes.city | default: 'you' }} {{ recipient.email }}"),
  ).toEqual({ name: "Ada" });
});

it("takes no value from what all objects have", () => {
  expect(attributesOf("{{ recipient.attributes.constructor }}")).toEqual({
    name: "Ada",
    constructor: "constructor",
  });
});
