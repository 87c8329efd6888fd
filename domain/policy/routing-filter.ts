import { z } from "zod";
import {
  alternatives,
  boundFilter,
  keyPath,
  part,
  type RecipientCondition,
  recipientConditions,
  scalar,
} from "../audience.ts";
import { priorities } from "../priority.ts";
import { weekdays } from "../time/local-time.ts";

/** What asked for a message. */
const messageSources = ["notification", "campaign"] as const;
export type MessageSource = (typeof messageSources)[number];

const data = keyPath("data");
const named = z.enum(["type", "entityId"]);
const oneOf = <const Values extends readonly [string, ...string[]]>(values: Values) =>
  z.enum(values, `must be one of ${values.join(", ")}`);

const localHour = z
  .int("must be a whole number from 0 to 23")
  .min(0, "must be from 0 to 23")
  .max(23, "must be from 0 to 23");
const hour = z.literal("hour");

/** The conditions on the recipient's local time at which the message is to be sent. */
const localTimeConditions = [
  z.strictObject({ field: hour, equals: localHour }),
  z.strictObject({ field: hour, in: alternatives(localHour) }),
  z.strictObject({ field: hour, greaterThan: localHour }),
  z.strictObject({ field: hour, atLeast: localHour }),
  z.strictObject({ field: hour, lessThan: localHour }),
  z.strictObject({ field: hour, atMost: localHour }),
  z.strictObject({ field: z.literal("weekday"), equals: oneOf(weekdays) }),
  z.strictObject({ field: z.literal("weekday"), in: alternatives(oneOf(weekdays)) }),
] as const;

export type LocalTimeCondition = z.infer<(typeof localTimeConditions)[number]>;

/** The conditions on the message alone. */
const messageConditions = [
  z.strictObject({ data, equals: scalar }),
  z.strictObject({ data, in: alternatives(scalar) }),
  z.strictObject({ data, includes: scalar }),
  z.strictObject({ data, exists: z.boolean() }),
  z.strictObject({ data, greaterThan: z.number() }),
  z.strictObject({ data, atLeast: z.number() }),
  z.strictObject({ data, lessThan: z.number() }),
  z.strictObject({ data, atMost: z.number() }),
  z.strictObject({ data, startsWith: part }),
  z.strictObject({ data, endsWith: part }),
  z.strictObject({ data, contains: part }),
  z.strictObject({ field: named, equals: part }),
  z.strictObject({ field: named, in: alternatives(part) }),
  z.strictObject({ field: named, exists: z.boolean() }),
  z.strictObject({ field: named, startsWith: part }),
  z.strictObject({ field: named, endsWith: part }),
  z.strictObject({ field: named, contains: part }),
  z.strictObject({ field: z.literal("priority"), equals: oneOf(priorities) }),
  z.strictObject({ field: z.literal("priority"), in: alternatives(oneOf(priorities)) }),
  z.strictObject({ field: z.literal("source"), equals: oneOf(messageSources) }),
  z.strictObject({ field: z.literal("source"), in: alternatives(oneOf(messageSources)) }),
] as const;

export type MessageCondition = z.infer<(typeof messageConditions)[number]>;

export type RoutingCondition = RecipientCondition | LocalTimeCondition | MessageCondition;

/** A filter over conditions of any kind. */
export type FilterOver<Condition> =
  | Condition
  | { all: FilterOver<Condition>[] }
  | { any: FilterOver<Condition>[] }
  | { not: FilterOver<Condition> };

export type RoutingFilter = FilterOver<RoutingCondition>;

const branches = z
  .array(z.lazy(() => routingFilterShape))
  .min(1, "must contain at least one filter");

/** A filter without limits on depth and size. */
export const routingFilterShape: z.ZodType<RoutingFilter, RoutingFilter> = z.union(
  [
    z.strictObject({ all: branches }),
    z.strictObject({ any: branches }),
    z.strictObject({ not: z.lazy(() => routingFilterShape) }),
    ...recipientConditions,
    ...messageConditions,
    ...localTimeConditions,
  ],
  "must be { all: [filters] }, { any: [filters] } or { not: filter }; a condition on the recipient as in segments, without received and missed; " +
    "{ data } with the operators of { attribute }; { field: type or entityId } with one of equals, in, exists, startsWith, endsWith and contains; " +
    "{ field: priority, source or weekday } with equals or in; { field: hour } with one of equals, in, greaterThan, atLeast, lessThan and atMost",
);

/**
 * A filter over messages and their recipients: the filter of segments, except for its conditions on campaigns, with conditions on the message
 * and on the recipient's local time. Its logic is two-valued, and its size is limited, as in segments.
 */
export const routingFilter = boundFilter(routingFilterShape);

const localTimeFields: ReadonlySet<unknown> = new Set(["hour", "weekday"]);
const messageFields: ReadonlySet<unknown> = new Set(["type", "entityId", "priority", "source"]);

export const isLocalTimeCondition = (
  condition: RoutingCondition,
): condition is LocalTimeCondition => "field" in condition && localTimeFields.has(condition.field);

export const isMessageCondition = (condition: RoutingCondition): condition is MessageCondition =>
  "data" in condition || ("field" in condition && messageFields.has(condition.field));
