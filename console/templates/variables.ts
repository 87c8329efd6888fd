import type { Completion } from "@codemirror/autocomplete";
import type { Variables } from "../editor/languages.ts";
import { type JsonObject, type Schema, typeOf } from "../parts/json-schema.ts";

const recipientFields = ["id", "externalId", "email", "timeZone", "locale", "attributes"];

const completionOf = (label: string, schema?: Schema): Completion => ({
  label,
  type: "variable",
  ...(schema && { detail: typeOf(schema) }),
  ...(schema?.description !== undefined && { info: schema.description }),
});

/** Makes the completion of variables: those of a schema, and the recipient with these attributes. */
export function completeVariables(schema: JsonObject, attributes: readonly string[]): Variables {
  const root = schema as unknown as Schema;
  return {
    names: [
      ...Object.entries(root.properties ?? {}).map(([name, inner]) => completionOf(name, inner)),
      { ...completionOf("recipient"), detail: "who gets the message" },
    ],
    propertiesOf([first, ...rest]) {
      if (first === "recipient") {
        if (rest.length === 0) return recipientFields.map((name) => completionOf(name));
        return rest[0] === "attributes" && rest.length === 1
          ? attributes.map((name) => completionOf(name))
          : [];
      }
      let inner = root.properties?.[first ?? ""];
      for (const name of rest) inner = name === "[]" ? inner?.items : inner?.properties?.[name];
      return Object.entries(inner?.properties ?? {}).map(([name, each]) =>
        completionOf(name, each),
      );
    },
  };
}
