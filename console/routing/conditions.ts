import { priorities } from "../../domain/priority.ts";
import type { Condition, Filter } from "./draft.ts";
import { readCondition } from "./words.ts";

/** A condition as its fields have it: everything is text. */
export interface Row {
  subject: string;
  /** The keys of an attribute or of data, separated by dots. */
  path: string;
  operator: string;
  value: string;
}

export interface Rows {
  combine: "all" | "any";
  rows: Row[];
}

const texts = ["equals", "in", "exists", "startsWith", "endsWith", "contains"];
const numbers = ["greaterThan", "atLeast", "lessThan", "atMost"];
const choices = ["equals", "in"];

/** The operators of each subject. */
export const operatorsOf: Record<string, readonly string[]> = {
  priority: choices,
  type: texts,
  source: choices,
  entityId: texts,
  hour: [...choices, ...numbers],
  weekday: choices,
  attribute: [...texts, "includes", ...numbers],
  data: [...texts, "includes", ...numbers],
  locale: texts,
  timeZone: texts,
  externalId: texts,
  email: texts,
  phone: texts,
  createdAt: ["from", "before"],
  updatedAt: ["from", "before"],
};

/** The values that a subject can have, as suggestions. */
export const suggestionsOf: Record<string, readonly string[]> = {
  priority: priorities,
  source: ["notification", "campaign"],
  weekday: ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"],
};

export const hasPath = (subject: string) => subject === "attribute" || subject === "data";

export const emptyRow: Row = { subject: "priority", path: "", operator: "equals", value: "high" };

/** Values of attributes and data have types: what looks like a number or a boolean is one, unless it is in double quotes. */
function scalarOf(text: string): string | number | boolean {
  if (text === "true" || text === "false") return text === "true";
  if (/^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  return /^".*"$/.test(text) ? text.slice(1, -1) : text;
}
const textOf = (value: unknown): string =>
  typeof value === "string" ? (scalarOf(value) === value ? value : `"${value}"`) : String(value);

function valueOf({ subject, operator, value }: Row): unknown {
  const isTyped = hasPath(subject) || subject === "hour";
  const single = (text: string) => (isTyped ? scalarOf(text.trim()) : text.trim());
  if (operator === "exists") return value !== "no";
  if (operator === "in")
    return value
      .split(",")
      .map(single)
      .filter((each) => each !== "");
  if (["startsWith", "endsWith", "contains"].includes(operator)) return value;
  return single(value);
}

function conditionOf(row: Row): Condition {
  const path = row.path.split(".");
  const subject = hasPath(row.subject)
    ? { [row.subject]: path.length > 1 ? path : row.path }
    : { field: row.subject };
  return { ...subject, [row.operator]: valueOf(row) };
}

/** Makes the filter of rows; null if there are none. A single one needs no combination. */
export function filterOf({ combine, rows }: Rows): Filter | null {
  const conditions = rows.map(conditionOf);
  if (conditions.length === 0) return null;
  return conditions.length === 1 ? conditions[0]! : ({ [combine]: conditions } as Filter);
}

function rowOf(filter: Filter): Row | null {
  const read = readCondition(filter);
  if (!read || !operatorsOf[read.subject]?.includes(read.operator)) return null;
  const { subject, path, operator, value } = read;
  const written = (each: unknown) => (hasPath(subject) ? textOf(each) : String(each));
  return {
    subject,
    path: path?.join(".") ?? "",
    operator,
    value:
      operator === "exists"
        ? value === false
          ? "no"
          : "yes"
        : Array.isArray(value)
          ? value.map(written).join(", ")
          : written(value),
  };
}

/** Reads a filter as rows. Null if it nests combinations or has `not`: rows cannot show it. */
export function rowsOf(filter: Filter | null): Rows | null {
  if (filter === null) return { combine: "all", rows: [] };
  const combine = "any" in filter ? "any" : "all";
  const branches = (
    "all" in filter || "any" in filter ? (filter as Record<string, Filter[]>)[combine]! : [filter]
  ) as Filter[];
  const rows = branches.map(rowOf);
  if (rows.includes(null)) return null;
  const read = { combine, rows: rows as Row[] } as const;
  // A key that contains a dot, or a list with one value, would not come back as it was.
  const isFaithful =
    JSON.stringify(filterOf(read)) === JSON.stringify(branches.length === 1 ? branches[0] : filter);
  return isFaithful ? read : null;
}
