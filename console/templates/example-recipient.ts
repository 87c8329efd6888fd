import { listFields } from "../builder/empty-fields.ts";
import type { Json, JsonObject } from "../parts/json-schema.ts";

/** Values of attributes that many recipients have. */
const samples: ReadonlyMap<string, Json> = new Map<string, Json>([
  ["name", "Ada"],
  ["first_name", "Ada"],
  ["last_name", "Lovelace"],
  ["full_name", "Ada Lovelace"],
  ["company", "Example Ltd"],
  ["city", "London"],
  ["country", "GB"],
  ["plan", "pro"],
  ["points", 120],
]);

/** Attributes are written in either way, such as `first_name` and `firstName`. */
const toSnakeCase = (name: string) => name.replaceAll(/([a-z0-9])([A-Z])/g, "$1_$2").toLowerCase();

/** Makes an example of a recipient who has every attribute that a content uses, so that its preview has no gaps. */
export function exampleRecipientOf(content: JsonObject): JsonObject {
  const used = listFields(content).flatMap((field) => {
    const [first, name] = field.split(".");
    return first === "attributes" && name !== undefined ? [name] : [];
  });
  return {
    externalId: "ada",
    email: "ada@example.org",
    locale: "en",
    timeZone: "UTC",
    attributes: Object.fromEntries(
      [...new Set(["name", ...used])].map((name) => [
        name,
        // An attribute without an example stands for itself.
        samples.get(toSnakeCase(name)) ?? name,
      ]),
    ),
  };
}
