import type { Channel } from "../../domain/channel.ts";
import type { Priority } from "../../domain/priority.ts";
import type { Rule } from "./queries.ts";

/** One condition: what it compares, and one operator with its value. */
export type Condition = Readonly<Record<string, unknown>>;

/** Conditions and their combinations, as the API has them. */
export type Filter = Condition | { all: Filter[] } | { any: Filter[] } | { not: Filter };

export interface Stage {
  via: "preferred" | Channel[];
  after?: { minutes: number; unless: string };
}

/** What is edited of a rule. */
export interface Draft {
  name: string;
  active: boolean;
  when: Filter | null;
  route: { stages: Stage[] };
  priority: Priority | null;
  templates: Partial<Record<Channel, string>>;
  final: boolean;
}

const fields = ["name", "active", "when", "route", "priority", "templates", "final"] as const;

/** What is edited of a saved rule. */
export const draftOf = (rule: Pick<Rule, keyof Draft>): Draft =>
  Object.fromEntries(fields.map((field) => [field, rule[field]])) as unknown as Draft;

export const emptyDraft: Draft = {
  name: "",
  active: false,
  when: null,
  route: { stages: [{ via: ["email"] }] },
  priority: null,
  templates: {},
  final: true,
};

/** Whether two values of fields are the same. */
export const isSame = (one: unknown, other: unknown) =>
  JSON.stringify(one) === JSON.stringify(other);

/** The fields in which two drafts differ. */
export const changedFields = (one: Draft, other: Draft) =>
  fields.filter((field) => !isSame(one[field], other[field]));

/** A merge patch that makes `base` the draft: only the fields that differ. */
export const patchOf = (draft: Draft, base: Draft): Partial<Draft> =>
  Object.fromEntries(changedFields(draft, base).map((field) => [field, draft[field]]));

/** Reads a draft from JSON. Throws an error whose message says what is wrong. What it means is checked by the API. */
export function parseDraft(text: string): Draft {
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Error("It must be an object.");
  const missing = fields.filter((field) => !(field in value));
  if (missing.length > 0) throw new Error(`It must have ${missing.join(", ")}.`);
  const other = Object.keys(value).filter((key) => !(fields as readonly string[]).includes(key));
  if (other.length > 0) throw new Error(`It must not have ${other.join(", ")}.`);
  const { route } = value as { route: unknown };
  if (!Array.isArray((route as { stages?: unknown } | null)?.stages))
    throw new Error("Its route must have a list of stages.");
  return value as Draft;
}

export const writeDraft = (draft: Draft) => JSON.stringify(draft, null, 2);
