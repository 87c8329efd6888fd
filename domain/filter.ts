import { addressSpellings } from "./address.ts";
import type { RecipientCondition } from "./audience.ts";
import {
  type FilterOver,
  isLocalTimeCondition,
  isMessageCondition,
  type LocalTimeCondition,
  type MessageCondition,
  type MessageSource,
  type RoutingCondition,
  type RoutingFilter,
} from "./policy/routing-filter.ts";
import type { Priority } from "./priority.ts";
import { localTimeAt, weekdays } from "./time/local-time.ts";

/** The parts of a recipient that conditions depend on. */
export interface RecipientFacts {
  externalId: string | null;
  email: string | null;
  phone: string | null;
  timeZone: string;
  locale: string;
  attributes: Record<string, unknown>;
  createdAt: Date;
  updatedAt: Date;
}

/** The parts of a message that conditions depend on. They are the same for all its recipients. */
export interface MessageFacts {
  /** The key of the notification type; null for a message without one. */
  type: string | null;
  /** The priority before a routing rule changes it. */
  priority: Priority;
  data: Record<string, unknown>;
  entityId: string | null;
  source: MessageSource;
  /** The earliest time of sending. */
  sendAt: Date;
}

/**
 * Evaluates a filter. The result is that of the SQL of the filter (ledger/audience-sql.ts): a condition on a missing value is false.
 * Letters of email addresses beyond ASCII are compared without regard to case, which in the database depends on its locale.
 */
export function matchesFilter(
  filter: RoutingFilter,
  message: MessageFacts,
  recipient: RecipientFacts,
): boolean {
  if ("all" in filter)
    return filter.all.every((branch) => matchesFilter(branch, message, recipient));
  if ("any" in filter)
    return filter.any.some((branch) => matchesFilter(branch, message, recipient));
  if ("not" in filter) return !matchesFilter(filter.not, message, recipient);
  if (isMessageCondition(filter)) return matchesMessage(filter, message);
  if (isLocalTimeCondition(filter))
    return matchesLocalTime(filter, message.sendAt, recipient.timeZone);
  return matchesRecipient(filter, recipient);
}

/** Reduces a filter by the conditions that `settle` decides: it returns a boolean for these, and what takes the place of the others. */
function reduceFilter<From extends object, To>(
  filter: FilterOver<From>,
  settle: (condition: From) => FilterOver<To> | boolean,
): FilterOver<To> | boolean {
  const reduceBranches = (branches: readonly FilterOver<From>[], decisive: boolean) => {
    const open: FilterOver<To>[] = [];
    for (const branch of branches) {
      const reduced = reduceFilter(branch, settle);
      if (reduced === decisive) return decisive;
      if (typeof reduced !== "boolean") open.push(reduced);
    }
    return open.length === 0 ? !decisive : open;
  };
  if ("all" in filter) {
    const open = reduceBranches(filter.all, false);
    return typeof open === "boolean" ? open : open.length === 1 ? open[0]! : { all: open };
  }
  if ("any" in filter) {
    const open = reduceBranches(filter.any, true);
    return typeof open === "boolean" ? open : open.length === 1 ? open[0]! : { any: open };
  }
  if ("not" in filter) {
    const open = reduceFilter(filter.not, settle);
    return typeof open === "boolean" ? !open : { not: open };
  }
  return settle(filter);
}

/** A filter without conditions on the message. */
export type RemainingFilter = FilterOver<RecipientCondition | LocalTimeCondition>;

/** Evaluates the conditions on the message. Returns what remains to be decided for each recipient, or the result if it is the same for all. */
export const narrowToMessage = (
  filter: RoutingFilter,
  message: MessageFacts,
): RemainingFilter | boolean =>
  reduceFilter<RoutingCondition, RecipientCondition | LocalTimeCondition>(filter, (condition) =>
    isMessageCondition(condition) ? matchesMessage(condition, message) : condition,
  );

/** A condition on the recipient's time zone, as it is spelt in the recipient. */
export type ZoneCondition = { zoneIn: string[] } | { zoneNotIn: string[] };

/**
 * Replaces the conditions on the local time by conditions on the time zone.
 * @param zones the time zones of the recipients; every other one is treated as UTC
 */
export const replaceLocalTime = (
  filter: RemainingFilter,
  sendAt: Date,
  zones: readonly string[],
): FilterOver<RecipientCondition | ZoneCondition> | boolean =>
  reduceFilter<RecipientCondition | LocalTimeCondition, RecipientCondition | ZoneCondition>(
    filter,
    (condition) => {
      if (!isLocalTimeCondition(condition)) return condition;
      const holds = (zone: string) => matchesLocalTime(condition, sendAt, zone);
      const elsewhere = holds("UTC");
      const other = zones.filter((zone) => holds(zone) !== elsewhere);
      if (other.length === 0) return elsewhere;
      return elsewhere ? { zoneNotIn: other } : { zoneIn: other };
    },
  );

/** Whether a filter has a condition on the local time. */
export function dependsOnLocalTime(filter: RemainingFilter): boolean {
  if ("all" in filter) return filter.all.some(dependsOnLocalTime);
  if ("any" in filter) return filter.any.some(dependsOnLocalTime);
  if ("not" in filter) return dependsOnLocalTime(filter.not);
  return isLocalTimeCondition(filter);
}

function matchesMessage(condition: MessageCondition, message: MessageFacts): boolean {
  if ("data" in condition) return matchesJson(condition, message.data, condition.data);
  const { field } = condition;
  return matchesText(condition, message[field]);
}

function matchesLocalTime(condition: LocalTimeCondition, at: Date, zone: string): boolean {
  const { minute, weekday } = localTimeAt(zone, at.getTime());
  return condition.field === "weekday"
    ? matchesText(condition, weekdays[weekday - 1]!)
    : matchesScalar(condition, Math.floor(minute / 60));
}

function matchesRecipient(condition: RecipientCondition, recipient: RecipientFacts): boolean {
  if ("attribute" in condition)
    return matchesJson(condition, recipient.attributes, condition.attribute);
  if ("from" in condition)
    return recipient[condition.field].getTime() >= Date.parse(condition.from);
  if ("before" in condition)
    return recipient[condition.field].getTime() < Date.parse(condition.before);
  if (condition.field !== "email") return matchesText(condition, recipient[condition.field]);
  return matchesEmail(condition, recipient.email?.toLowerCase() ?? null);
}

/** Addresses are compared without regard to case, in every spelling of the domain. */
function matchesEmail(condition: TextComparison, email: string | null): boolean {
  const spell = (text: string) => addressSpellings(text).map((spelling) => spelling.toLowerCase());
  if ("exists" in condition) return (email !== null) === condition.exists;
  if (email === null) return false;
  if ("equals" in condition) return spell(condition.equals).includes(email);
  if ("in" in condition) return condition.in.flatMap(spell).includes(email);
  if ("startsWith" in condition)
    return spell(condition.startsWith).some((part) => email.startsWith(part));
  if ("endsWith" in condition)
    return spell(condition.endsWith).some((part) => email.endsWith(part));
  return spell(condition.contains).some((part) => email.includes(part));
}

type TextComparison =
  | { equals: string }
  | { in: readonly string[] }
  | { exists: boolean }
  | { startsWith: string }
  | { endsWith: string }
  | { contains: string };

function matchesText(condition: TextComparison, value: string | null): boolean {
  if ("exists" in condition) return (value !== null) === condition.exists;
  if (value === null) return false;
  if ("equals" in condition) return value === condition.equals;
  if ("in" in condition) return condition.in.includes(value);
  if ("startsWith" in condition) return value.startsWith(condition.startsWith);
  if ("endsWith" in condition) return value.endsWith(condition.endsWith);
  return value.includes(condition.contains);
}

type Scalar = string | number | boolean | null;

type ScalarComparison =
  | { equals: Scalar }
  | { in: readonly Scalar[] }
  | { greaterThan: number }
  | { atLeast: number }
  | { lessThan: number }
  | { atMost: number };

/** Compares without conversion: values of different types are neither equal nor in an order. */
function matchesScalar(condition: ScalarComparison, value: unknown): boolean {
  if ("equals" in condition) return value === condition.equals;
  if ("in" in condition) return condition.in.some((alternative) => alternative === value);
  if (typeof value !== "number") return false;
  if ("greaterThan" in condition) return value > condition.greaterThan;
  if ("atLeast" in condition) return value >= condition.atLeast;
  if ("lessThan" in condition) return value < condition.lessThan;
  return value <= condition.atMost;
}

type JsonComparison =
  | ScalarComparison
  | Exclude<TextComparison, { equals: string } | { in: readonly string[] }>
  | { includes: Scalar };

function matchesJson(condition: JsonComparison, root: object, path: string | string[]): boolean {
  const value = valueAt(root, [path].flat());
  if ("exists" in condition) return (value !== undefined) === condition.exists;
  if ("includes" in condition)
    return Array.isArray(value) && value.some((item) => item === condition.includes);
  if ("startsWith" in condition || "endsWith" in condition || "contains" in condition)
    return typeof value === "string" && matchesText(condition, value);
  return matchesScalar(condition, value);
}

/** The value at a path of keys; undefined if there is none. Lists have no keys. */
function valueAt(root: unknown, path: readonly string[]): unknown {
  let value = root;
  for (const key of path) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    if (!Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}
