/** A value that JSON can have. */
export type Json = string | number | boolean | null | Json[] | { [name: string]: Json };
export type JsonObject = { [name: string]: Json };

/** A JSON Schema as templates have it. Whatever it has beyond that is ignored. */
export interface Schema {
  type?: string | string[];
  title?: string;
  description?: string;
  examples?: Json[];
  enum?: Json[];
  const?: Json;
  format?: string;
  maxLength?: number;
  minimum?: number;
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
}

/** Whether a schema describes the values of an object. */
export const hasProperties = ({ properties = {} }: Schema): boolean =>
  Object.keys(properties).length > 0;

/** Returns the first type of a schema that is not null. */
export const typeOf = ({ type, properties, items }: Schema): string =>
  [type ?? (properties ? "object" : items ? "array" : "string")]
    .flat()
    .find((each) => each !== "null") ?? "null";

const samples: Record<string, string> = {
  date: "2027-03-01",
  time: "09:30:00Z",
  "date-time": "2027-03-01T09:30:00Z",
  email: "ada@example.org",
  uri: "https://example.org/",
  uuid: "0190c5a0-7e1c-7b1a-9d3f-5a1f0c9e2b11",
};

/** Makes a value that fits a schema in most cases: its first example, otherwise one by its type. */
export function sampleOf(schema: Schema, name = "value"): Json {
  const given = schema.examples?.[0] ?? schema.const ?? schema.enum?.[0];
  if (given !== undefined) return given;
  switch (typeOf(schema)) {
    case "object":
      return Object.fromEntries(
        Object.entries(schema.properties ?? {}).map(([key, inner]) => [key, sampleOf(inner, key)]),
      );
    case "array":
      return schema.items ? [sampleOf(schema.items, name)] : [];
    case "number":
    case "integer":
      return schema.minimum ?? 1;
    case "boolean":
      return true;
    case "null":
      return null;
    default:
      return samples[schema.format ?? ""] ?? schema.title ?? name;
  }
}
