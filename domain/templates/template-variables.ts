import { z } from "zod";
import { findUnstorable, text } from "../text.ts";
import type { Fault } from "./template-error.ts";

const maxSchemaCharacters = 32_768;
const maxSchemaDepth = 8;

const types = ["string", "number", "integer", "boolean", "object", "array", "null"] as const;
const scalar = z.union([text(1_000, 0), z.number(), z.boolean(), z.null()]);
const count = z.number().int().min(0).max(1_000_000);

const name = z
  .string()
  .regex(
    /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/,
    "must be a name that templates can use: letters, digits, _ and -, at most 64",
  );

const variable = z.strictObject({
  type: z.union([z.enum(types), z.array(z.enum(types)).min(1).max(types.length)]).optional(),
  title: text(200, 0).optional(),
  description: text(1_000, 0).optional(),
  examples: z.array(z.json()).max(20).optional(),
  enum: z.array(scalar).min(1).max(200).optional(),
  const: scalar.optional(),
  format: z.enum(["date", "time", "date-time", "email", "uri", "uuid"]).optional(),
  minLength: count.optional(),
  maxLength: count.optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  exclusiveMinimum: z.number().optional(),
  exclusiveMaximum: z.number().optional(),
  multipleOf: z.number().positive().optional(),
  minItems: count.optional(),
  maxItems: count.optional(),
  get items() {
    return checkedVariable.optional();
  },
  get properties() {
    return z.record(name, checkedVariable).optional();
  },
  required: z.array(name).max(200).optional(),
  get additionalProperties() {
    return z.union([z.boolean(), checkedVariable]).optional();
  },
});

type Variable = z.infer<typeof variable>;

/** Refuses schemas of which the converter would silently ignore a part. */
const checkedVariable: z.ZodType<Variable> = z.lazy(() =>
  variable.superRefine((value, context) => {
    const known = [value.type ?? []].flat();
    if (value.type === undefined && value.enum === undefined && value.const === undefined) {
      context.addIssue({
        code: "custom",
        path: ["type"],
        message: "must be given, or enum or const",
      });
    }
    if (
      !known.includes("object") &&
      (value.properties ?? value.required ?? value.additionalProperties) !== undefined
    ) {
      context.addIssue({
        code: "custom",
        path: ["type"],
        message: "must be object where properties, required or additionalProperties are given",
      });
    }
    if (known.includes("array") !== (value.items !== undefined)) {
      context.addIssue({
        code: "custom",
        path: ["items"],
        message: "must be given for an array, and only there",
      });
    }
    for (const [index, key] of (value.required ?? []).entries()) {
      if (!Object.hasOwn(value.properties ?? {}, key))
        context.addIssue({
          code: "custom",
          path: ["required", index],
          message: "must be one of properties",
        });
    }
  }),
);

/**
 * The variables of a template version: a JSON Schema (2020-12) of the data of a notification or campaign. It is a bounded part of the standard:
 * no `$ref`, no combinators, and no `pattern`, because an untrusted regular expression can run for hours. `additionalProperties` is true
 * by default.
 */
export const templateVariables = z
  .unknown()
  .superRefine((value, context) => {
    const fault = findUnstorable(value, 4 * maxSchemaDepth);
    if (fault) context.addIssue({ code: "custom", ...fault });
    else if ((JSON.stringify(value) ?? "").length > maxSchemaCharacters)
      context.addIssue({
        code: "custom",
        message: `must have at most ${maxSchemaCharacters} characters`,
      });
    else if (countLevels(value as Variable) > maxSchemaDepth)
      context.addIssue({
        code: "custom",
        message: `must not describe more than ${maxSchemaDepth} levels`,
      });
  })
  .pipe(checkedVariable)
  .superRefine((value, context) => {
    if (value.type !== "object")
      context.addIssue({ code: "custom", path: ["type"], message: "must be object" });
    if (Object.hasOwn(value.properties ?? {}, "recipient")) {
      context.addIssue({
        code: "custom",
        path: ["properties", "recipient"],
        message: "must have another name: templates use this name for the recipient",
      });
    }
  });

export type TemplateVariables = z.infer<typeof templateVariables>;

/** Checks the data of a notification or campaign, and returns every fault in reading order. */
export type CheckData = (data: Record<string, unknown>) => Fault[];

/** `variables` is a document that `templateVariables` accepted, or null for a version without one. The result is worth caching by version. */
export function compileVariables(variables: TemplateVariables | null): CheckData {
  const schema =
    variables &&
    z.fromJSONSchema(variables as Parameters<typeof z.fromJSONSchema>[0], {
      registry: z.registry(),
    });
  return (data) => {
    const unstorable = findUnstorable(data);
    if (unstorable) return [unstorable];
    const checked = schema?.safeParse(data);
    if (!checked || checked.success) return [];
    return checked.error.issues.flatMap((issue): Fault[] => {
      if (issue.code === "unrecognized_keys")
        return issue.keys.map((key) => ({
          path: [...issue.path, key],
          message: "is not a variable of the template",
        }));
      return [
        {
          path: issue.path,
          message: isMissing(data, issue.path) ? "is required" : describeIssue(issue),
        },
      ];
    });
  };
}

/** Says what a value must be, in the words that the API uses for bodies. */
function describeIssue(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return `must be ${nameOf(issue.expected)}`;
    case "invalid_value":
      return `must be ${issue.values.map((value) => JSON.stringify(value)).join(" or ")}`;
    case "too_small":
      return `must ${issue.inclusive === false ? "be more than" : `${verb(issue.origin)} at least`} ${issue.minimum}${unit(issue.origin)}`;
    case "too_big":
      return `must ${issue.inclusive === false ? "be less than" : `${verb(issue.origin)} at most`} ${issue.maximum}${unit(issue.origin)}`;
    case "invalid_format":
      return `must be in the format ${formats[issue.format] ?? issue.format}`;
    case "not_multiple_of":
      return `must be a multiple of ${issue.divisor}`;
    case "invalid_union": {
      const firsts = issue.errors.flatMap(([first]) => first ?? []);
      // A value of an allowed type that is wrong in another way: that way is what the caller has to correct.
      const nearest = firsts.find(({ code }) => code !== "invalid_type");
      return nearest
        ? describeIssue(nearest)
        : firsts.map(describeIssue).join(" or ").replaceAll(" or must be", " or");
    }
    case "unrecognized_keys":
    case "invalid_key":
    case "invalid_element":
    case "custom":
      return issue.message;
  }
}

/** Formats that have another name in zod than in JSON Schema. */
const formats: Record<string, string> = { datetime: "date-time", url: "uri" };

const units: Record<string, string> = { string: " characters", array: " items" };
const unit = (origin: string) => units[origin] ?? "";
const verb = (origin: string) => (origin in units ? "have" : "be");

function nameOf(type: string): string {
  if (type === "int") return "a whole number";
  if (type === "record") return "an object";
  if (type === "null") return "null";
  return `${/^[aeiou]/.test(type) ? "an" : "a"} ${type}`;
}

function isMissing(data: unknown, path: readonly PropertyKey[]): boolean {
  let value = data;
  for (const key of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return true;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return false;
}

/** Counts the levels of a document, also of one that is not a valid schema. */
function countLevels(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  const { items, properties, additionalProperties } = value as Record<string, unknown>;
  const below = [
    items,
    additionalProperties,
    ...(typeof properties === "object" && properties !== null ? Object.values(properties) : []),
  ];
  return 1 + Math.max(0, ...below.map(countLevels));
}
