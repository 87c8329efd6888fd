import { isDeepStrictEqual } from "node:util";
import type { z } from "@hono/zod-openapi";
import { type FieldError, jsonPointer } from "./problem.ts";

type Issue = z.core.$ZodIssue;

interface Fault {
  path: PropertyKey[];
  message: string;
  /** How far the value is from the shape. It decides which form of a union the caller meant. */
  distance: number;
}

/** Lists the errors of a value, with messages that say how to correct it. `fieldOf` names a path. A message that the schema defines is kept. */
export function fieldFaults(
  error: z.core.$ZodError,
  fieldOf: (path: readonly PropertyKey[]) => string,
): { field: string; message: string }[] {
  return error.issues
    .flatMap(faultsOf)
    .map(({ path, message }) => ({ field: fieldOf(path), message }));
}

/** Lists the errors of a part of a request, which is `at` a path in its source. */
export function fieldErrors(
  error: z.core.$ZodError,
  source: FieldError["in"],
  at: readonly string[] = [],
): FieldError[] {
  const fieldOf = (path: readonly PropertyKey[]) =>
    source === "body" ? jsonPointer([...at, ...path]) : [...at, ...path].map(String).join(".");
  return fieldFaults(error, fieldOf).map((fault) => ({ in: source, ...fault }));
}

function faultsOf(issue: Issue): Fault[] {
  const own = /^(Invalid|Too (big|small)|Unrecognized)/.test(issue.message) ? null : issue.message;
  const fault = (message: string, distance = 1): Fault[] => [
    { path: issue.path, message: own ?? message, distance },
  ];
  switch (issue.code) {
    case "invalid_type":
      return issue.message.endsWith("received undefined")
        ? fault(`is required: ${withArticle(issue.expected)}`, 2)
        : fault(`must be ${withArticle(issue.expected)}`);
    case "unrecognized_keys":
      return issue.keys.map((key) => ({
        path: [...issue.path, key],
        message: "is unknown: remove it or correct its spelling",
        distance: 3,
      }));
    case "invalid_value":
      return fault(`must be ${alternatives(issue.values)}`, own === null ? 2 : 1);
    case "too_big":
      return fault(describeBound("at most", issue.maximum, issue.origin));
    case "too_small":
      return fault(describeBound("at least", issue.minimum, issue.origin));
    case "invalid_union":
      // The value of the field that distinguishes the forms names none of them.
      if ("options" in issue && issue.options !== undefined)
        return fault(`must be ${alternatives(issue.options)}`, 2);
      return nearestForm(issue.errors, own).map(({ path, ...rest }) => ({
        path: [...issue.path, ...path],
        ...rest,
      }));
    case "invalid_key":
      // A faulty key of a record has the path of that key.
      return issue.issues.flatMap(faultsOf).map((inner) => ({ ...inner, path: issue.path }));
    case "invalid_format":
    case "not_multiple_of":
    case "invalid_element":
    case "custom":
      return fault(issue.message);
  }
}

/** Lists the faults of the form of a union that the value is nearest to. If it has the keys of no form, the fault is the union's own message. */
function nearestForm(forms: Issue[][], own: string | null): Fault[] {
  const total = (faults: Fault[]) => faults.reduce((sum, { distance }) => sum + distance, 0);
  const candidates = forms
    .map((issues) => issues.flatMap(faultsOf))
    .sort((a, b) => total(a) - total(b));
  const [nearest = []] = candidates;
  if (own === null) return nearest;
  const whole = nearest.filter(({ path }) => path.length === 0);
  // A fault in every form does not show which form was meant.
  const inAll = (fault: Fault) =>
    candidates.every((faults) => faults.some((other) => isDeepStrictEqual(other, fault)));
  const misshapen =
    whole.length > 0 ||
    nearest.some((fault) => fault.path.length === 1 && fault.distance > 1 && !inAll(fault));
  return misshapen
    ? [{ path: [], message: own, distance: Math.max(1, ...whole.map(({ distance }) => distance)) }]
    : nearest;
}

const alternatives = (values: readonly unknown[]) =>
  values.map((value) => JSON.stringify(value)).join(" or ");

function describeBound(bound: "at most" | "at least", value: number | bigint, origin: string) {
  if (origin === "string") return `must be ${bound} ${value} characters long`;
  if (origin === "array" || origin === "set") return `must have ${bound} ${value} items`;
  return `must be ${bound} ${value}`;
}

function withArticle(type: string): string {
  if (type === "record") return "an object";
  return `${/^[aeiou]/.test(type) ? "an" : "a"} ${type}`;
}
