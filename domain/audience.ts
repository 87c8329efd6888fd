import { z } from "zod";
import { addressedChannels } from "./channel.ts";
import { engagementStates } from "./engagement-states.ts";
import { publicIdPattern } from "./ids.ts";
import { instantText } from "./time/instant.ts";
import { resourceKey } from "./key.ts";
import { text } from "./text.ts";

/** A value that a condition compares with. */
export const scalar = z.union(
  [text(500, 0), z.number(), z.boolean(), z.null()],
  "must be a string, a number, true, false or null",
);
const maxAlternatives = 1_000;
/** A list of the values that fulfil a condition. */
export const alternatives = <Item extends z.ZodType>(item: Item) =>
  z
    .array(item)
    .min(1, "must name at least one value")
    .max(maxAlternatives, `must name at most ${maxAlternatives} values`);

const attributeKey = text(100);
const maxPath = 8;

/** A top-level key of a JSON object, or the path of keys to a nested value. */
export const keyPath = (object: string) =>
  z.union(
    [attributeKey, z.array(attributeKey).min(1).max(maxPath)],
    `must be a key of the ${object}, or a path of 1 to ${maxPath} keys`,
  );

const attribute = keyPath("attributes");

const fields = ["externalId", "email", "phone", "timeZone", "locale"] as const;
const instantFields = ["createdAt", "updatedAt"] as const;
const field = z.enum(fields, `must be one of ${[...fields, ...instantFields].join(", ")}`);
const instantField = z.enum(instantFields);

const campaignReference = z
  .string()
  .regex(
    publicIdPattern("campaign"),
    "must be the id of a campaign, such as cmp_01jd3v8qyee7fr8xmcsnh5hbcd",
  );

/** A text that a condition compares with. */
export const part = text(500);

/** The conditions that depend on nothing but the recipient. */
export const recipientConditions = [
  z.strictObject({ attribute, equals: scalar }),
  z.strictObject({ attribute, in: alternatives(scalar) }),
  z.strictObject({ attribute, includes: scalar }),
  z.strictObject({ attribute, exists: z.boolean() }),
  z.strictObject({ attribute, greaterThan: z.number() }),
  z.strictObject({ attribute, atLeast: z.number() }),
  z.strictObject({ attribute, lessThan: z.number() }),
  z.strictObject({ attribute, atMost: z.number() }),
  z.strictObject({ attribute, startsWith: part }),
  z.strictObject({ attribute, endsWith: part }),
  z.strictObject({ attribute, contains: part }),
  z.strictObject({ field, equals: part }),
  z.strictObject({ field, in: alternatives(part) }),
  z.strictObject({ field, exists: z.boolean() }),
  z.strictObject({ field, startsWith: part }),
  z.strictObject({ field, endsWith: part }),
  z.strictObject({ field, contains: part }),
  z.strictObject({ field: instantField, from: instantText }),
  z.strictObject({ field: instantField, before: instantText }),
] as const;

export type RecipientCondition = z.infer<(typeof recipientConditions)[number]>;

const conditions = [
  ...recipientConditions,
  z.strictObject({ reachableBy: z.enum(addressedChannels) }),
  z.strictObject({ received: campaignReference, orUnknown: z.literal(true).optional() }),
  z.strictObject({ missed: campaignReference }),
  z.strictObject({ topic: resourceKey }),
  z.strictObject({ engagement: z.enum(engagementStates) }),
] as const;

export type Condition = z.infer<(typeof conditions)[number]>;

export type RecipientFilter =
  | Condition
  | { all: RecipientFilter[] }
  | { any: RecipientFilter[] }
  | { not: RecipientFilter };

const maxDepth = 8;
const maxConditions = 100;

const branches = z
  .array(z.lazy(() => recipientFilterShape))
  .min(1, "must contain at least one filter");
/** A filter without limits on depth and size. */
export const recipientFilterShape: z.ZodType<RecipientFilter, RecipientFilter> = z.union(
  [
    z.strictObject({ all: branches }),
    z.strictObject({ any: branches }),
    z.strictObject({ not: z.lazy(() => recipientFilterShape) }),
    ...conditions,
  ],
  "must be { all: [filters] }, { any: [filters] } or { not: filter }; " +
    "{ attribute } with one of equals, in, includes, exists, startsWith, endsWith, contains, greaterThan, atLeast, lessThan and atMost; " +
    "{ field } with one of equals, in, exists, startsWith, endsWith and contains, or for createdAt and updatedAt one of from and before; " +
    "{ reachableBy: channel }, { received: campaign }, { missed: campaign }, { topic: key } or { engagement: active, cooling, dormant or never }",
);

/** The values at the keys where a filter has its branches; the node may be any value. */
function branchesOf(node: unknown): unknown[] {
  if (typeof node !== "object" || node === null) return [];
  const { all, any, not }: { all?: unknown; any?: unknown; not?: unknown } = node;
  return [all, any, not === undefined ? [] : [not]].flatMap((list): unknown[] =>
    Array.isArray(list) ? list : [],
  );
}

const depthOf = (node: unknown): number => 1 + Math.max(0, ...branchesOf(node).map(depthOf));
const sizeOf = (node: unknown): number =>
  branchesOf(node).reduce((sum: number, child) => sum + sizeOf(child), 1);

/** Limits a filter of any conditions in size and depth, which are checked before the conditions themselves. */
export const boundFilter = <Filter>(shape: z.ZodType<Filter, Filter>): z.ZodType<Filter, Filter> =>
  z
    .custom<Filter>((root) => sizeOf(root) <= maxConditions, {
      error: `must not have more than ${maxConditions} conditions`,
      abort: true,
    })
    .refine((root) => depthOf(root) <= maxDepth, {
      error: `must not be nested deeper than ${maxDepth} levels`,
      abort: true,
    })
    .pipe(shape);

/**
 * A filter over recipients. Its logic is two-valued: a condition on a value that a recipient lacks is false, and so true under `not`.
 * Comparisons are case-sensitive except for email addresses, as in lists. Depth and size are checked before the conditions, so that the
 * SQL of a filter is bounded too.
 */
export const recipientFilter = boundFilter(recipientFilterShape);

/** A condition that only values of one JSON type can fulfil. */
export interface RequiredType {
  /** The path of the attribute. */
  path: string[];
  type: "number" | "array";
  operator: string;
}

/** The types that a filter requires of attributes. Text that looks like a number or a list fulfils none of these conditions. */
export function requiredTypes(filter: RecipientFilter): RequiredType[] {
  if ("all" in filter) return filter.all.flatMap(requiredTypes);
  if ("any" in filter) return filter.any.flatMap(requiredTypes);
  if ("not" in filter) return requiredTypes(filter.not);
  if (!("attribute" in filter)) return [];
  const { attribute: _, ...rest } = filter;
  return Object.entries(rest).flatMap(([operator, value]: [string, unknown]): RequiredType[] => {
    const path = [filter.attribute].flat();
    if (operator === "includes") return [{ path, type: "array", operator }];
    return typeof value === "number" ? [{ path, type: "number", operator }] : [];
  });
}

export const segmentKey = resourceKey;

const maxSegments = 20;
const segments = z
  .array(segmentKey)
  .min(1, "must name at least one segment")
  .max(maxSegments, `must name at most ${maxSegments} segments`);
const exclude = segments.optional();

/**
 * The recipients of a campaign: all, those that match a filter, or those in any segment of `include`, narrowed by `where`. Recipients in a
 * segment of `exclude` are left out. A segment contains the recipients that match its filter when the audience is frozen.
 */
export const audience = z.union(
  [
    z.strictObject({ all: z.literal(true), exclude }),
    z.strictObject({ where: recipientFilter, exclude }),
    z.strictObject({ include: segments, exclude, where: recipientFilter.optional() }),
  ],
  "must be { all: true }, { where: filter } or { include: [segments], where: filter }, each with an optional exclude: [segments]",
);

export type Audience = z.infer<typeof audience>;

/** The keys of the segments that an audience names, each once. */
export function namedSegments(audience: Audience): string[] {
  const included = "include" in audience ? audience.include : [];
  return [...new Set([...included, ...(audience.exclude ?? [])])];
}
