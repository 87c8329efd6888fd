/** The part of a JSON Schema that examples are made from. */
interface Schema {
  $ref?: string;
  type?: string | string[];
  format?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  allOf?: Schema[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  example?: unknown;
  examples?: unknown[];
  minimum?: number;
}

/** Schemas of the document by name. */
export type Schemas = Record<string, unknown>;

/** The example of a schema that no example can be made from. A test fails where the document contains it. */
export const noExample = "(no example)";

/**
 * Makes an example of a schema: its own, or one composed of the examples of its parts. It has all properties, except optional ones
 * that no example can be made for.
 */
export function exampleOf(schema: unknown, schemas: Schemas): unknown {
  return makeExample(schema as Schema, schemas);
}

function makeExample(schema: Schema, schemas: Schemas): unknown {
  if (schema.example !== undefined) return schema.example;
  if (schema.examples?.length) return schema.examples[0];
  if (schema.$ref !== undefined)
    return makeExample(schemas[schema.$ref.split("/").at(-1)!] as Schema, schemas);
  if (schema.const !== undefined) return schema.const;
  if (schema.default !== undefined) return schema.default;
  if (schema.enum?.length) return schema.enum[0];
  const [form] = schema.oneOf ?? schema.anyOf ?? [];
  if (form) return makeExample(form, schemas);
  const merged = schema.allOf?.map((part) => makeExample(part, schemas)) ?? [];
  // A nullable instant is mostly one of an event that has not happened yet.
  if (schema.format === "date-time" && schema.type?.includes("null")) return null;
  const [type = "any"] = [schema.type ?? (schema.properties ? "object" : "any")].flat();
  switch (type) {
    case "object":
      return Object.assign({}, ...merged, makePropertyExamples(schema, schemas));
    case "array":
      return schema.items ? [makeExample(schema.items, schemas)] : [];
    case "boolean":
      return true;
    case "integer":
    case "number":
      return Math.max(schema.minimum ?? 1, 1);
    case "null":
      return null;
    case "string":
      return schema.format === "date-time" ? "2027-03-01T09:00:00.000Z" : noExample;
    default:
      return merged.length > 0 ? Object.assign({}, ...merged) : noExample;
  }
}

function makePropertyExamples({ properties = {}, required = [] }: Schema, schemas: Schemas) {
  return Object.fromEntries(
    Object.entries(properties)
      .map(([name, property]) => [name, makeExample(property, schemas)] as const)
      .filter(([name, value]) => value !== noExample || required.includes(name)),
  );
}
