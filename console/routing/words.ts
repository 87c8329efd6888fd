import { operatorWords } from "../words/operators.ts";
import { channelWords, priorityWords } from "../words/statuses.ts";
import type { Condition, Draft, Filter, Stage } from "./draft.ts";

/** What conditions compare, by the names of the API. `attribute` and `data` need a path. */
export const subjectWords: Record<string, string> = {
  priority: "priority",
  type: "type",
  source: "source",
  entityId: "subject",
  hour: "local hour",
  weekday: "local weekday",
  attribute: "attribute",
  data: "data",
  locale: "locale",
  timeZone: "time zone",
  externalId: "external id",
  email: "email address",
  phone: "phone number",
  createdAt: "recipient since",
  updatedAt: "recipient changed",
};

const valueText = (value: unknown): string =>
  Array.isArray(value)
    ? value.map(valueText).join(", ")
    : typeof value === "string"
      ? value
      : JSON.stringify(value);

/** The subject of a condition, its path if it has one, its operator and its value. Null if it is a combination. */
export function readCondition(filter: Filter) {
  if ("all" in filter || "any" in filter || "not" in filter) return null;
  const { field, attribute, data, ...rest } = filter as Condition;
  const [operator, value] = Object.entries(rest)[0] ?? ["exists", true];
  const path = attribute ?? data;
  return {
    subject: typeof field === "string" ? field : attribute === undefined ? "data" : "attribute",
    path: path === undefined ? null : Array.isArray(path) ? path.map(String) : [valueText(path)],
    operator,
    value,
  };
}

/** Describes conditions as one sentence without its period. */
export function describeFilter(filter: Filter | null, isInner = false): string {
  if (filter === null) return "Every message";
  if ("all" in filter || "any" in filter) {
    const branches = ("all" in filter ? filter.all : filter.any) as Filter[];
    const joined = branches
      .map((branch) => describeFilter(branch, true))
      .join("all" in filter ? " and " : " or ");
    return isInner && branches.length > 1 ? `(${joined})` : joined;
  }
  if ("not" in filter) return `not (${describeFilter(filter.not as Filter, false)})`;
  const { subject, path, operator, value } = readCondition(filter)!;
  const name = [subjectWords[subject] ?? subject, ...(path ? [path.join(".")] : [])].join(" ");
  if (operator === "exists") return `${name} ${value === false ? "does not exist" : "exists"}`;
  return `${name} ${operatorWords[operator] ?? operator} ${valueText(value)}`;
}

/** The channels of a stage, in the order in which they are tried. */
export const describeVia = ({ via }: Stage): string =>
  via === "preferred"
    ? "the recipient’s order"
    : via.map((channel) => channelWords[channel]).join(", else ");

/** When a stage begins. */
export function describeAfter({ after }: Stage): string {
  if (!after) return "at once";
  const { minutes, unless } = after;
  const span =
    minutes % 1_440 === 0
      ? `${minutes / 1_440} d`
      : minutes % 60 === 0
        ? `${minutes / 60} h`
        : `${minutes} min`;
  return `after ${span}, unless ${unless}`;
}

/** Describes the value of a field of a rule in one line. */
export function describeField(value: unknown, field: string): string {
  if (field === "when") return describeFilter(value as Filter | null);
  if (field === "route")
    return (value as Draft["route"]).stages
      .map((stage) => `${describeVia(stage)}, ${describeAfter(stage)}`)
      .join("; then ");
  if (value === null) return "none";
  if (typeof value === "boolean") return value ? "yes" : "no";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** What a rule does beside choosing the route. */
export const describeEffects = ({ priority, templates, final }: Omit<Draft, "name">): string[] => [
  ...(priority === null ? [] : [`priority ${priorityWords[priority].toLowerCase()}`]),
  ...Object.entries(templates).map(
    ([channel, key]) => `template ${key} for ${channelWords[channel as "email"].toLowerCase()}`,
  ),
  ...(final ? [] : ["later rules add their stages"]),
];
