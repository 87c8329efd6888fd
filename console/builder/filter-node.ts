import { operatorWords } from "../words/operators.ts";

/** How the parts of a group combine. */
export const joins = ["all", "any", "none"] as const;
export type Join = (typeof joins)[number];

/** A filter as a tree for editing. A condition is kept as it is typed, so that it may be incomplete. */
export type FilterNode =
  | { kind: "group"; join: Join; parts: FilterNode[] }
  | { kind: "condition"; subject: string; key: string; operator: string; value: string };

export type ConditionNode = Extract<FilterNode, { kind: "condition" }>;

const operators = {
  attribute: [
    "equals",
    "in",
    "includes",
    "exists",
    "greaterThan",
    "atLeast",
    "lessThan",
    "atMost",
    "startsWith",
    "endsWith",
    "contains",
  ],
  text: ["equals", "in", "exists", "startsWith", "endsWith", "contains"],
  instant: ["from", "before"],
  other: ["is"],
} as const;

/** What a condition can be about. `attribute` also has a key. */
export const subjects: Record<string, { name: string; operators: readonly string[] }> = {
  attribute: { name: "Attribute", operators: operators.attribute },
  email: { name: "Email", operators: operators.text },
  phone: { name: "Phone", operators: operators.text },
  externalId: { name: "External id", operators: operators.text },
  timeZone: { name: "Time zone", operators: operators.text },
  locale: { name: "Locale", operators: operators.text },
  createdAt: { name: "Created", operators: operators.instant },
  updatedAt: { name: "Changed", operators: operators.instant },
  reachableBy: { name: "Has an address on", operators: operators.other },
  received: { name: "Received the campaign", operators: operators.other },
  mayHaveReceived: { name: "May have received the campaign", operators: operators.other },
  missed: { name: "Missed the campaign", operators: operators.other },
  topic: { name: "Subscribed to the topic", operators: operators.other },
  engagement: { name: "Last engagement", operators: operators.other },
};

/** Subjects whose condition has no field, only a value. */
const directSubjects = ["reachableBy", "received", "missed", "topic", "engagement"];

export const newCondition: ConditionNode = {
  kind: "condition",
  subject: "attribute",
  key: "",
  operator: "equals",
  value: "",
};

/** Reads a filter of the API as a tree. What is no filter becomes an empty condition. */
export function parseFilter(filter: unknown): FilterNode {
  if (typeof filter !== "object" || filter === null) return newCondition;
  const node = filter as Record<string, unknown>;
  const group = (join: Join, parts: unknown): FilterNode => ({
    kind: "group",
    join,
    parts: Array.isArray(parts) ? parts.map(parseFilter) : [],
  });
  if ("all" in node) return group("all", node["all"]);
  if ("any" in node) return group("any", node["any"]);
  if ("not" in node) {
    const inner = node["not"] as Record<string, unknown>;
    return group("none", "any" in inner ? inner["any"] : [inner]);
  }
  for (const subject of directSubjects)
    if (subject in node)
      return {
        ...newCondition,
        subject: node["orUnknown"] === true ? "mayHaveReceived" : subject,
        operator: "is",
        value: String(node[subject]),
      };
  const subject = "attribute" in node ? "attribute" : String(node["field"]);
  const operator = Object.keys(node).find((key) => key in operatorWords) ?? "equals";
  return {
    kind: "condition",
    subject,
    key: [node["attribute"] ?? ""].flat().map(showKey).join("."),
    operator,
    value: showValue(subject, operator, node[operator]),
  };
}

/** A key with a point in it is written in quotation marks, because points separate keys. */
const showKey = (key: unknown) => (/[."]/.test(String(key)) ? JSON.stringify(key) : String(key));

function showValue(subject: string, operator: string, value: unknown): string {
  if (operator === "in" && Array.isArray(value))
    return value.map((each) => showScalar(subject, each, /[,"]/)).join(", ");
  return partOperators.includes(operator) ? String(value) : showScalar(subject, value, null);
}

/** Operators whose value is always text. */
const partOperators = ["startsWith", "endsWith", "contains"];

/** Writes a text in quotation marks only where it would be read as something else. */
function showScalar(subject: string, value: unknown, special: RegExp | null): string {
  if (typeof value !== "string") return JSON.stringify(value) ?? "";
  const isClear = subject !== "attribute" || readScalar(value) === value;
  return isClear && !special?.test(value) ? value : JSON.stringify(value);
}

/** Reads what was typed: numbers, `true`, `false` and `null` are such values, everything else is text. */
function readScalar(typed: string): unknown {
  const text = typed.trim();
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? text : value;
  } catch {
    return text;
  }
}

/** Splits at commas, or at points, outside of quotation marks. */
const split = (typed: string, pattern: RegExp): string[] =>
  [...typed.matchAll(pattern)].map(([part]) => part.trim()).filter(Boolean);
const splitList = (typed: string) => split(typed, /\s*"(?:[^"\\]|\\.)*"\s*|[^,]+/g);
const splitPath = (typed: string) => split(typed, /"(?:[^"\\]|\\.)*"|[^.]+/g).map(unquote);
const unquote = (text: string) => (text.startsWith('"') ? String(readScalar(text)) : text);

/** Writes a tree as a filter of the API; null where nothing is complete. Conditions that are not complete are left out. */
export function writeFilter(node: FilterNode): object | null {
  if (node.kind === "condition") return writeCondition(node);
  const parts = node.parts.map(writeFilter).filter((part) => part !== null);
  if (parts.length === 0) return null;
  if (node.join === "none") return { not: parts.length === 1 ? parts[0] : { any: parts } };
  return { [node.join]: parts };
}

function writeCondition({ subject, key, operator, value }: ConditionNode): object | null {
  const isEmpty = value.trim() === "";
  if (subject === "mayHaveReceived")
    return isEmpty ? null : { received: value.trim(), orUnknown: true };
  if (directSubjects.includes(subject)) return isEmpty ? null : { [subject]: value.trim() };
  if (subject === "attribute") {
    const path = splitPath(key);
    if (path.length === 0) return null;
    const attribute = path.length === 1 ? path[0] : path;
    if (operator === "exists") return { attribute, exists: value !== "false" };
    if (isEmpty) return null;
    if (operator === "in") return { attribute, in: splitList(value).map(readScalar) };
    const isText = partOperators.includes(operator);
    return { attribute, [operator]: isText ? value.trim() : readScalar(value) };
  }
  if (operator === "exists") return { field: subject, exists: value !== "false" };
  if (isEmpty) return null;
  if (operator === "in")
    return { field: subject, in: splitList(value).map((each) => unquote(each)) };
  if (operator === "from" || operator === "before")
    return { field: subject, [operator]: asInstant(value.trim()) };
  return { field: subject, [operator]: value.trim() };
}

/** A day is its beginning in UTC. */
const asInstant = (text: string) =>
  /^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00.000Z` : text;
