import fc from "fast-check";
import { type Document, type Operation, resolve, type Schema } from "./openapi.ts";

export interface RandomRequest {
  method: string;
  /** Path with the query. */
  path: string;
  headers: Record<string, string>;
  body: string | undefined;
}

/** Maximum depth of values of recursive schemas. */
const maxDepth = 5;

/** Texts with unusual or malicious content. */
const oddTexts = [
  "",
  " ",
  "\u0000",
  "\ud800",
  "\u202e\u{1f4a9}",
  "null",
  "-1",
  "1e999",
  "'; DROP TABLE recipients; --",
  '" OR 1=1',
  "=cmd|' /C calc'!A0",
  "a\r\nBcc: all@example.org",
  "../../etc/passwd",
  "{{ 7 | times: 7 }}",
  "{% for i in (1..100000000) %}{% endfor %}",
  "cmp_01jd3v8qyee7fr8xmcsnh5hbcd",
  "x".repeat(10_000),
];

const oddValues: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(null, true, -1, 0, 1.5, 1e308, -0, 2 ** 53, [], {}, [[]], [null]),
  fc.constantFrom(...oddTexts),
  fc.jsonValue({ maxDepth: 2 }),
  fc
    .integer({ min: 1, max: 60 })
    .map((depth) => JSON.parse("[".repeat(depth) + "]".repeat(depth)) as unknown),
);

/** Generates values of a schema. Rules that the schema contains only as text may be broken. */
function valuesOf(schema: Schema, document: Document, depth = 0): fc.Arbitrary<unknown> {
  const own = resolve<Schema & Form>(document, schema);
  const inner = (part: Schema) => valuesOf(part, document, depth + 1);
  if (own.const !== undefined) return fc.constant(own.const);
  if (own.enum) return fc.constantFrom(...own.enum);
  const forms = own.anyOf ?? own.oneOf;
  if (forms) {
    // Schemas that are not recursive are recognised by having no list and no reference.
    const flat = forms.filter((form) => !/"\$ref"|"array"/.test(JSON.stringify(form)));
    return fc.oneof(...(depth > maxDepth && flat.length > 0 ? flat : forms).map(inner));
  }
  const types = [own.type ?? (own.properties ? "object" : "any")].flat();
  const values = fc.oneof(...types.map((type) => valuesOfType(type, own, inner, depth)));
  if (!own.allOf) return values;
  return fc
    .tuple(...own.allOf.map(inner), values)
    .map((parts) => Object.assign({}, ...(parts as object[])) as unknown);
}

interface Form {
  const?: unknown;
  enum?: unknown[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  type?: string | string[];
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema | boolean;
  items?: Schema;
  minItems?: number;
  maxItems?: number;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  pattern?: string;
  format?: string;
  example?: unknown;
}

function valuesOfType(
  type: string,
  form: Form,
  inner: (part: Schema) => fc.Arbitrary<unknown>,
  depth: number,
): fc.Arbitrary<unknown> {
  const { example, minimum: min = -1_000_000, maximum: max = 1_000_000 } = form;
  const orExample = (values: fc.Arbitrary<unknown>) =>
    example === undefined ? values : fc.oneof(values, fc.constant(example));
  switch (type) {
    case "null":
      return fc.constant(null);
    case "boolean":
      return fc.boolean();
    case "integer":
      return orExample(fc.integer({ min: Math.ceil(min), max: Math.floor(max) }));
    case "number":
      return orExample(fc.double({ min, max, noNaN: true }));
    case "string":
      return orExample(texts(form));
    case "array": {
      const { items = {}, minItems = 0, maxItems = 5 } = form;
      const maxLength = Math.max(minItems, depth > maxDepth ? 0 : Math.min(maxItems, 5));
      return orExample(fc.array(inner(items), { minLength: minItems, maxLength }));
    }
    case "object": {
      const { properties = {}, required = [], additionalProperties } = form;
      const known = fc.record(
        Object.fromEntries(Object.entries(properties).map(([name, part]) => [name, inner(part)])),
        { requiredKeys: required.filter((name) => name in properties) },
      );
      const isOpen = additionalProperties !== false && Object.keys(properties).length === 0;
      return orExample(
        isOpen ? fc.dictionary(fc.string({ maxLength: 20 }), fc.jsonValue()) : known,
      );
    }
    default:
      return orExample(fc.jsonValue());
  }
}

/** The range of instants that the API accepts. */
const instants = { min: new Date("2000-01-01T00:00:00Z"), max: new Date("2099-12-31T23:59:59Z") };

function texts({ pattern, format, minLength = 0, maxLength = 1_000 }: Form): fc.Arbitrary<string> {
  if (format === "date-time")
    return fc.date({ ...instants, noInvalidDate: true }).map((date) => date.toISOString());
  if (pattern !== undefined) return fc.stringMatching(new RegExp(pattern));
  return fc.string({ unit: "grapheme", minLength, maxLength: Math.min(maxLength, minLength + 50) });
}

/** Generates values with a fault: a part is replaced, left out or added. */
function faultyValues(values: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc
    .tuple(
      values,
      fc.infiniteStream(fc.nat()),
      oddValues,
      fc.constantFrom("replace", "omit", "add"),
    )
    .map(([value, choices, odd, how]) => {
      const spoil = (part: unknown): unknown => {
        const keys = typeof part === "object" && part !== null ? Object.keys(part) : [];
        const choice = choices.next().value!;
        if (keys.length === 0 || choice % 4 === 0) {
          if (how !== "add" || typeof part !== "object" || part === null) return odd;
          return Array.isArray(part) ? [...(part as unknown[]), odd] : { ...part, surplus: odd };
        }
        const key = keys[choice % keys.length]!;
        const copy = structuredClone(part) as Record<string, unknown>;
        if (how === "omit" && choice % 3 === 0) delete copy[key];
        else copy[key] = spoil(copy[key]);
        return copy;
      };
      return spoil(value);
    });
}

const brokenJson = [
  "",
  "{",
  "[1,",
  "nul",
  '{"a":1}}',
  '{"a":"\\ud8"}',
  "\u0000",
  "[".repeat(5_000),
];
const wrongTypes = [
  "",
  "text/plain",
  "application/xml",
  "application/json; charset=latin1",
  "application/json ; charset=utf-8",
  "application/vnd.a1+json",
];

/**
 * Generates requests of an operation: some as the document describes them, and some with a fault in a parameter, in a part of the
 * body, in the JSON, or in the content type.
 */
export function requestsOf(operation: Operation, document: Document): fc.Arbitrary<RandomRequest> {
  const parameters = operation.parameters.map((parameter) => {
    const good = valuesOf(parameter.schema, document);
    const values = fc.oneof({ arbitrary: good, weight: 6 }, { arbitrary: oddValues, weight: 1 });
    return parameter.required ? values : fc.option(values, { nil: undefined });
  });
  return fc.tuple(fc.tuple(...parameters), bodies(operation, document)).map(([values, body]) => {
    const given = operation.parameters.map((parameter, index) => ({
      ...parameter,
      text: parameterText(values[index]),
    }));
    const query = given
      .filter(({ in: place, text }) => place === "query" && text !== undefined)
      .map(({ name, text }) => `${encode(name)}=${encode(text!)}`);
    const headers = given.flatMap(({ in: place, name, text }) =>
      place === "header" && text !== undefined && /^[\x21-\x7e]+$/.test(text) ? [[name, text]] : [],
    );
    const path = given
      .filter(({ in: place }) => place === "path")
      // An empty part would be another path.
      .reduce(
        (path, { name, text }) => path.replace(`{${name}}`, encode(text || "-")),
        operation.path,
      );
    return {
      method: operation.method,
      path: query.length > 0 ? `${path}?${query.join("&")}` : path,
      headers: { ...Object.fromEntries(headers), ...body.headers } as Record<string, string>,
      body: body.text,
    };
  });
}

function parameterText(value: unknown): string | undefined {
  if (value === undefined || typeof value === "string") return value;
  if (Array.isArray(value)) return value.map((item) => parameterText(item) ?? "").join(",");
  return JSON.stringify(value);
}

/** Half of a surrogate pair has no UTF-8 encoding: its code is sent as invalid UTF-8. */
const encode = (text: string) =>
  [...text]
    .map((character) =>
      /^\p{Surrogate}$/u.test(character) ? "%ed%a0%80" : encodeURIComponent(character),
    )
    .join("")
    // No client would send these unencoded.
    .replace(/^\.{1,2}$/, (dots) => dots.replaceAll(".", "%2e"));

interface RandomBody {
  text: string | undefined;
  headers: Record<string, string>;
}

function bodies({ body }: Operation, document: Document): fc.Arbitrary<RandomBody> {
  if (!body) return fc.constant({ text: undefined, headers: {} });
  const typed = (type: string) => (text: string) => ({ text, headers: { "content-type": type } });
  const forms = Object.entries(body.content).map(([type, { schema = {} }]) => {
    const good = valuesOf(schema, document);
    const write = (value: unknown) =>
      type === "application/json" ? JSON.stringify(value) : linesOf(value);
    return fc.oneof(
      { arbitrary: good.map(write).map(typed(type)), weight: 6 },
      { arbitrary: faultyValues(good).map(write).map(typed(type)), weight: 4 },
      { arbitrary: fc.constantFrom(...brokenJson).map(typed(type)), weight: 1 },
    );
  });
  const wrong = fc.constantFrom(...wrongTypes).map((type) => typed(type)("{}"));
  const none = fc.constant({ text: undefined, headers: {} });
  return fc.oneof(
    ...forms.map((arbitrary) => ({ arbitrary, weight: 10 })),
    { arbitrary: wrong, weight: 1 },
    { arbitrary: none, weight: 1 },
  );
}

/** Formats streams of lines, which no schema describes. */
const linesOf = (value: unknown) =>
  typeof value === "string" ? value : `${JSON.stringify(value)}\n`;
