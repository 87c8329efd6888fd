import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

/** A JSON Schema within the document. */
export type Schema = Record<string, unknown>;

export interface Parameter {
  name: string;
  in: "path" | "query" | "header";
  required?: boolean;
  description?: string;
  example?: unknown;
  schema: Schema;
}

export interface Media {
  schema?: Schema;
  example?: unknown;
  examples?: Record<string, { value: unknown }>;
}

interface Header {
  description?: string;
  required?: boolean;
  schema: Schema;
  example?: unknown;
}

interface Answer {
  description: string;
  headers?: Record<string, Header>;
  content?: Record<string, Media>;
}

/** An operation with all references resolved, except those to schemas. */
export interface Operation {
  method: string;
  path: string;
  operationId: string;
  summary?: string;
  tags: string[];
  parameters: Parameter[];
  body: { required?: boolean; content: Record<string, Media> } | undefined;
  answers: Record<string, Answer>;
}

/** An OpenAPI document as `/openapi.json` returns it. */
export interface Document {
  tags: { name: string; description: string }[];
  paths: Record<string, Record<string, Record<string, unknown>>>;
  components: Record<string, Record<string, unknown>>;
}

/** Returns a value, or the value to which it refers. */
export function resolve<T>(document: Document, value: unknown): T {
  const { $ref } = value as { $ref?: string };
  if ($ref === undefined) return value as T;
  const [, , kind, name] = $ref.split("/");
  return resolve<T>(document, document.components[kind!]![name!]);
}

export function operationsOf(document: Document): Operation[] {
  const resolveAnswer = (value: unknown): Answer => {
    const answer = resolve<Answer>(document, value);
    const headers = Object.entries(answer.headers ?? {}).map(([name, header]) => [
      name,
      resolve<Header>(document, header),
    ]);
    return { ...answer, headers: Object.fromEntries(headers) as Record<string, Header> };
  };
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => {
      const { parameters = [], requestBody, responses, ...rest } = operation;
      return {
        ...(rest as Pick<Operation, "operationId" | "summary" | "tags">),
        method: method.toUpperCase(),
        path,
        parameters: (parameters as unknown[]).map((parameter) =>
          resolve<Parameter>(document, parameter),
        ),
        body:
          requestBody === undefined ? undefined : resolve<Operation["body"]>(document, requestBody),
        answers: Object.fromEntries(
          Object.entries(responses as object).map(([status, answer]) => [
            status,
            resolveAnswer(answer),
          ]),
        ),
      };
    }),
  );
}

/** Compiles schemas of a document, which may refer to its components. */
export function schemaCompiler(document: Document): (schema: Schema) => ValidateFunction {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats.default(ajv);
  ajv.addSchema({ $id: "document:", components: document.components });
  const compiled = new Map<Schema, ValidateFunction>();
  return (schema) => {
    const known = compiled.get(schema);
    if (known) return known;
    const absolute = JSON.parse(
      JSON.stringify(schema).replaceAll('"$ref":"#/', '"$ref":"document:#/'),
    ) as Schema;
    const validate = ajv.compile(absolute);
    compiled.set(schema, validate);
    return validate;
  };
}
