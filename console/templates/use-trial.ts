import { useMemo, useState } from "react";
import { type JsonObject, sampleOf, type Schema } from "../parts/json-schema.ts";
import { type Draft, parseObject } from "./draft.ts";
import { exampleRecipientOf } from "./example-recipient.ts";
import { completeVariables } from "./variables.ts";

/** With what a template is tried: data that fit its variables, and an example of a recipient. */
export function useTrial({ content, variables }: Draft) {
  const [edited, setData] = useState<JsonObject | null>(null);
  const [editedExample, setExample] = useState<JsonObject | null>(null);
  const fitting = useMemo(() => exampleRecipientOf(content), [content]);
  const example = editedExample ?? fitting;
  const [schema, setSchema] = useState<JsonObject>(() => parseObject(variables) ?? {});
  const parsed = useMemo(() => parseObject(variables), [variables]);
  // While the schema is no JSON, the last one is used.
  if (parsed !== null && JSON.stringify(parsed) !== JSON.stringify(schema)) setSchema(parsed);
  const samples = useMemo(() => sampleOf(schema as unknown as Schema) as JsonObject, [schema]);
  const attributes = Object.keys((example["attributes"] as JsonObject | undefined) ?? {}).join();
  const completion = useMemo(
    () => completeVariables(schema, attributes.split(",").filter(Boolean)),
    [schema, attributes],
  );
  return {
    schema,
    /** Whether the variables are JSON. */
    isSchemaValid: parsed !== null,
    /** A variable that is new has its example, whatever else was filled in. */
    data: edited === null ? samples : { ...samples, ...edited },
    setData,
    example,
    setExample,
    completion,
  };
}

export type Trial = ReturnType<typeof useTrial>;
