import { Validator } from "@seriousme/openapi-schema-validator";
import { noExample } from "../../api/openapi/examples.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type Document,
  type Media,
  type Operation,
  operationsOf,
  type Schema,
  schemaCompiler,
} from "../support/openapi.ts";
import { type Api, startApi } from "./harness.ts";

let api: Api;
let document: Document;
let operations: Operation[];
let compile: ReturnType<typeof schemaCompiler>;
beforeAll(async () => {
  api = await startApi();
  document = (await api.send("GET", "/openapi.json")).body;
  operations = operationsOf(document);
  compile = schemaCompiler(document);
});
afterAll(() => api.stop());

interface ParameterSchema {
  enum?: unknown[];
  items?: { enum?: unknown[] };
  default?: unknown;
}

const named = ({ method, path }: Operation) => `${method} ${path}`;
const mediaOf = ({ body, answers }: Operation): [string, Media][] => [
  ...Object.entries(body?.content ?? {}).map(([type, media]): [string, Media] => [
    `body as ${type}`,
    media,
  ]),
  ...Object.entries(answers).flatMap(([status, { content = {} }]) =>
    Object.entries(content).map(([type, media]): [string, Media] => [
      `${status} as ${type}`,
      media,
    ]),
  ),
];

describe("the OpenAPI document", () => {
  it("is valid OpenAPI 3.1", async () => {
    const result = await new Validator().validate(
      structuredClone(document) as unknown as Record<string, unknown>,
    );
    expect(result).toEqual({ valid: true });
  });

  it("names each operation once, and the same in every version", () => {
    const ids = operations.map(({ operationId }) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.filter((id) => !/^[a-z]+[A-Z][A-Za-z]*$/.test(id))).toEqual([]);
    expect(operations.find((one) => named(one) === "GET /v1/campaigns/{id}")?.operationId).toBe(
      "getCampaignsById",
    );
  });

  it("says of each operation what it does, and files it under what it is about", () => {
    const described = document.tags.map(({ name }) => name);
    for (const operation of operations) {
      expect([named(operation), operation.summary]).toEqual([
        named(operation),
        expect.stringMatching(/\w\w/),
      ]);
      expect([named(operation), operation.tags]).toEqual([
        named(operation),
        [expect.toBeOneOf(described)],
      ]);
    }
  });

  it("lists the problems that each operation can have", () => {
    const statuses = (id: string) =>
      Object.keys(operations.find(({ operationId }) => operationId === id)!.answers);
    expect(statuses("getCampaignsById")).toEqual([
      "200",
      "401",
      "403",
      "404",
      "422",
      "429",
      "default",
    ]);
    expect(statuses("postNotifications")).toEqual(
      expect.arrayContaining(["202", "400", "401", "403", "409", "413", "415", "422", "429"]),
    );
    for (const operation of operations)
      expect([named(operation), Object.keys(operation.answers.default!.content!)]).toEqual([
        named(operation),
        ["application/problem+json"],
      ]);
  });

  it("describes the headers of answers", () => {
    const headers = (id: string, status: string) =>
      Object.keys(
        operations.find(({ operationId }) => operationId === id)!.answers[status]!.headers!,
      );
    expect(headers("postNotifications", "202")).toEqual([
      "X-Request-Id",
      "RateLimit",
      "RateLimit-Policy",
      "Idempotency-Replayed",
    ]);
    expect(headers("getHealthz", "200")).toEqual(["X-Request-Id"]);
    expect(headers("getCampaignsById", "429")).toContain("Retry-After");
    for (const { answers } of operations)
      for (const { headers } of Object.values(answers))
        for (const header of Object.values(headers!))
          expect(header.description).toEqual(expect.any(String));
  });

  it("describes each parameter, with an example where its values do not speak for themselves", () => {
    const faults = operations.flatMap((operation) =>
      operation.parameters
        .filter(({ description, example, schema }) => {
          const { enum: values, items, default: preset } = schema as ParameterSchema;
          const shown = example ?? schema["example"] ?? preset ?? values ?? items?.enum;
          return description === undefined || shown === undefined;
        })
        .map(({ name }) => `${named(operation)} ${name}`),
    );
    expect(faults).toEqual([]);
  });

  it("gives an example of each JSON that is sent or answered, with nothing left to guess", () => {
    const faults = operations.flatMap((operation) =>
      mediaOf(operation)
        .filter(
          ([where, { example, examples }]) =>
            where.endsWith("json") &&
            JSON.stringify(examples ?? example ?? noExample).includes(noExample),
        )
        .map(([where]) => `${named(operation)} ${where}`),
    );
    expect(faults).toEqual([]);
  });

  it("gives examples that are what their schemas say", () => {
    const faults: unknown[] = [];
    const hold = (where: string, schema: Schema, example: unknown) => {
      const validate = compile(schema);
      if (!validate(example)) faults.push([where, example, validate.errors]);
    };
    for (const operation of operations) {
      for (const [where, { schema, example, examples = {} }] of mediaOf(operation)) {
        if (!schema) continue;
        if (example !== undefined) hold(`${named(operation)} ${where}`, schema, example);
        for (const { value } of Object.values(examples))
          hold(`${named(operation)} ${where}`, schema, value);
      }
      for (const { name, schema, example } of operation.parameters) {
        const given = example ?? schema["example"];
        if (given !== undefined) hold(`${named(operation)} ${name}`, schema, given);
      }
      for (const [status, { headers = {} }] of Object.entries(operation.answers))
        for (const [name, { schema, example }] of Object.entries(headers))
          hold(`${named(operation)} ${status} ${name}`, schema, example);
    }
    expect(faults).toEqual([]);
  });
});
