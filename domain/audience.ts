import { z } from "zod";
import { text } from "./storable.ts";

const scalar = z.union(
  [text(500, 0), z.number(), z.boolean(), z.null()],
  "must be a string, a number, true, false or null",
);
const maxAlternatives = 1_000;
const alternatives = <Item extends z.ZodType>(item: Item) =>
  z
    .array(item)
    .min(1, "must name at least one value")
    .max(maxAlternatives, `must name at most ${maxAlternatives} values`);

/** A top-level key of a recipient's attributes. */
const attribute = text(100);

/** Fields of a recipient that a filter may ask about, with their columns. */
const columns = {
  externalId: "external_id",
  email: "email",
  phone: "phone",
  timeZone: "time_zone",
  locale: "locale",
} as const;
const field = z.enum(
  Object.keys(columns) as (keyof typeof columns)[],
  `must be one of ${Object.keys(columns).join(", ")}`,
);

const comparisons = { greaterThan: ">", atLeast: ">=", lessThan: "<", atMost: "<=" } as const;

const conditions = [
  z.strictObject({ attribute, equals: scalar }),
  z.strictObject({ attribute, in: alternatives(scalar) }),
  z.strictObject({ attribute, exists: z.boolean() }),
  z.strictObject({ attribute, greaterThan: z.number() }),
  z.strictObject({ attribute, atLeast: z.number() }),
  z.strictObject({ attribute, lessThan: z.number() }),
  z.strictObject({ attribute, atMost: z.number() }),
  z.strictObject({ field, equals: text(500) }),
  z.strictObject({ field, in: alternatives(text(500)) }),
  z.strictObject({ field, exists: z.boolean() }),
] as const;

export type AudienceFilter =
  | z.infer<(typeof conditions)[number]>
  | { all: AudienceFilter[] }
  | { any: AudienceFilter[] }
  | { not: AudienceFilter };

const maxDepth = 8;
const maxConditions = 100;

const branches = z.array(z.lazy(() => filter)).min(1, "must hold at least one filter");
const filter: z.ZodType<AudienceFilter, AudienceFilter> = z.union(
  [
    z.strictObject({ all: branches }),
    z.strictObject({ any: branches }),
    z.strictObject({ not: z.lazy(() => filter) }),
    ...conditions,
  ],
  `must be { all: [filters] }, { any: [filters] }, { not: filter }, or { attribute } or { field } with one of equals, in and exists, an attribute also with one of ${Object.keys(comparisons).join(", ")}`,
);

function children(node: AudienceFilter): AudienceFilter[] {
  if ("all" in node) return node.all;
  if ("any" in node) return node.any;
  return "not" in node ? [node.not] : [];
}

const depthOf = (node: AudienceFilter): number => 1 + Math.max(0, ...children(node).map(depthOf));
const sizeOf = (node: AudienceFilter): number =>
  children(node).reduce((sum, child) => sum + sizeOf(child), 1);

/**
 * Whom a campaign is for: everybody, or those a filter holds for. Filters are two-valued: a condition on what a
 * recipient lacks is false, and so true under `not`. Bounded in depth and size, so that its SQL is bounded too.
 */
export const audience = z.union(
  [
    z.strictObject({ all: z.literal(true) }),
    z.strictObject({
      where: filter
        .refine((root) => depthOf(root) <= maxDepth, {
          error: `must not be nested deeper than ${maxDepth} levels`,
          abort: true,
        })
        .refine(
          (root) => sizeOf(root) <= maxConditions,
          `must not have more than ${maxConditions} conditions`,
        ),
    }),
  ],
  "must be { all: true } or { where: filter }",
);

export type Audience = z.infer<typeof audience>;

/**
 * The audience as an SQL condition over the table `recipients` under `alias`; erased recipients never belong to one.
 * Placeholders are numbered from `$firstPlaceholder`, and every value is text with its cast in the SQL, so that any
 * driver can bind them. No value of the filter is ever part of the SQL.
 */
export function audienceWhere(
  audience: Audience,
  alias: string,
  firstPlaceholder = 1,
): { sql: string; values: string[] } {
  const values: string[] = [];
  const bind = (value: string) => `$${firstPlaceholder - 1 + values.push(value)}::text`;

  const compileAttribute = (node: Extract<AudienceFilter, { attribute: string }>): string => {
    if ("equals" in node)
      return `${alias}.attributes @> ${bind(JSON.stringify({ [node.attribute]: node.equals }))}::jsonb`;
    const value = `(${alias}.attributes -> ${bind(node.attribute)})`;
    if ("exists" in node) return `${value} IS ${node.exists ? "NOT NULL" : "NULL"}`;
    if ("in" in node)
      return `coalesce(${value} = ANY (ARRAY(SELECT jsonb_array_elements(${bind(JSON.stringify(node.in))}::jsonb))), false)`;
    const [comparison, number] = Object.entries(node).find(([key]) => key in comparisons) as [
      keyof typeof comparisons,
      number,
    ];
    // A CASE, since AND may be evaluated in any order and the cast of a string would raise.
    return `CASE WHEN jsonb_typeof(${value}) = 'number' THEN ${value}::numeric ${comparisons[comparison]} ${bind(String(number))}::numeric ELSE false END`;
  };

  const compileField = (node: Extract<AudienceFilter, { field: string }>): string => {
    const column = `${alias}.${columns[node.field]}`;
    if ("exists" in node) return `${column} IS ${node.exists ? "NOT NULL" : "NULL"}`;
    if ("equals" in node) return `coalesce(${column} = ${bind(node.equals)}, false)`;
    return `coalesce(${column} = ANY (ARRAY(SELECT jsonb_array_elements_text(${bind(JSON.stringify(node.in))}::jsonb))), false)`;
  };

  const compile = (node: AudienceFilter): string => {
    if ("all" in node) return `(${node.all.map(compile).join(" AND ")})`;
    if ("any" in node) return `(${node.any.map(compile).join(" OR ")})`;
    if ("not" in node) return `NOT (${compile(node.not)})`;
    return "attribute" in node ? compileAttribute(node) : compileField(node);
  };

  const live = `${alias}.erased_at IS NULL`;
  return { sql: "all" in audience ? live : `${live} AND ${compile(audience.where)}`, values };
}
