import type { Audience, Condition, RecipientFilter } from "./audience.ts";
import { parsePublicId } from "./ids.ts";

/** A condition on rows, with the values of its placeholders. */
export interface SqlCondition {
  sql: string;
  values: string[];
}

/**
 * A filter as an SQL condition over the table `recipients` under `alias`; the erased never fulfil one. Placeholders are
 * numbered from `$firstPlaceholder`, and every value is text with its cast in the SQL, so that any driver can bind them.
 * No value of the filter is ever part of the SQL.
 */
export function filterWhere(
  filter: RecipientFilter,
  alias: string,
  firstPlaceholder = 1,
): SqlCondition {
  const { compile, values } = compiler(alias, firstPlaceholder);
  return { sql: `${live(alias)} AND ${compile(filter)}`, values };
}

/** As `filterWhere`, for an audience; `segments` has the filters of those it names. */
export function audienceWhere(
  audience: Audience,
  segments: ReadonlyMap<string, RecipientFilter>,
  alias: string,
  firstPlaceholder = 1,
): SqlCondition {
  const { compile, values } = compiler(alias, firstPlaceholder);
  const anyOf = (keys: readonly string[]): string =>
    compile({
      any: keys.map((key) => {
        const filter = segments.get(key);
        if (!filter) throw new Error(`the segment ${key} is not resolved`);
        return filter;
      }),
    });
  const parts = [live(alias)];
  if ("include" in audience) parts.push(anyOf(audience.include));
  if ("where" in audience && audience.where) parts.push(compile(audience.where));
  if (audience.exclude) parts.push(`NOT ${anyOf(audience.exclude)}`);
  return { sql: parts.join(" AND "), values };
}

const live = (alias: string) => `${alias}.erased_at IS NULL`;

const columns = {
  externalId: "external_id",
  email: "email",
  phone: "phone",
  timeZone: "time_zone",
  locale: "locale",
  createdAt: "created_at",
  updatedAt: "updated_at",
} as const;

/** By case, and with no character of the value standing for others. */
const patterns = {
  startsWith: (part: string) => `${literal(part)}%`,
  endsWith: (part: string) => `%${literal(part)}`,
  contains: (part: string) => `%${literal(part)}%`,
} as const;
const literal = (part: string) => part.replaceAll(/[\\%_]/g, String.raw`\$&`);

const comparisons = { greaterThan: ">", atLeast: ">=", lessThan: "<", atMost: "<=" } as const;

type AttributeCondition = Extract<Condition, { attribute: unknown }>;
type FieldCondition = Extract<Condition, { field: unknown }>;

function compiler(alias: string, firstPlaceholder: number) {
  const values: string[] = [];
  const bind = (value: string) => `$${firstPlaceholder - 1 + values.push(value)}::text`;

  const ofAttribute = (node: AttributeCondition): string => {
    const path = [node.attribute].flat();
    if ("equals" in node) {
      const wanted = path.reduceRight<unknown>((value, key) => ({ [key]: value }), node.equals);
      return `${alias}.attributes @> ${bind(JSON.stringify(wanted))}::jsonb`;
    }
    const value = `(${alias}.attributes${path.map((key) => ` -> ${bind(key)}`).join("")})`;
    if ("exists" in node) return `${value} IS ${node.exists ? "NOT NULL" : "NULL"}`;
    if ("in" in node)
      return `coalesce(${value} = ANY (ARRAY(SELECT jsonb_array_elements(${bind(JSON.stringify(node.in))}::jsonb))), false)`;
    // A CASE, since AND may be evaluated in any order, and casting what is no number would raise.
    const whenOf = (type: "number" | "string", condition: string) =>
      `CASE WHEN jsonb_typeof(${value}) = '${type}' THEN ${condition} ELSE false END`;
    const pattern = patternOf(node);
    if (pattern !== null) return whenOf("string", `${value} #>> '{}' LIKE ${bind(pattern)}`);
    const [comparison, number] = Object.entries(node).find(([key]) => key in comparisons) as [
      keyof typeof comparisons,
      number,
    ];
    return whenOf(
      "number",
      `${value}::numeric ${comparisons[comparison]} ${bind(String(number))}::numeric`,
    );
  };

  const ofField = (node: FieldCondition): string => {
    const column = `${alias}.${columns[node.field]}`;
    if ("from" in node) return `${column} >= ${bind(utc(node.from))}::timestamptz`;
    if ("before" in node) return `${column} < ${bind(utc(node.before))}::timestamptz`;
    if ("exists" in node) return `${column} IS ${node.exists ? "NOT NULL" : "NULL"}`;
    if ("equals" in node) return `coalesce(${column} = ${bind(node.equals)}, false)`;
    if ("in" in node)
      return `coalesce(${column} = ANY (ARRAY(SELECT jsonb_array_elements_text(${bind(JSON.stringify(node.in))}::jsonb))), false)`;
    return `coalesce(${column} LIKE ${bind(patternOf(node)!)}, false)`;
  };

  const compile = (node: RecipientFilter): string => {
    if ("all" in node) return `(${node.all.map(compile).join(" AND ")})`;
    if ("any" in node) return `(${node.any.map(compile).join(" OR ")})`;
    if ("not" in node) return `NOT (${compile(node.not)})`;
    if ("attribute" in node) return ofAttribute(node);
    if ("field" in node) return ofField(node);
    const statuses = node.orUnknown ? "'sent', 'delivered', 'unknown'" : "'sent', 'delivered'";
    const campaign = bind(parsePublicId("campaign", node.received)!);
    return `EXISTS (SELECT FROM deliveries AS d WHERE d.campaign_id = ${campaign}::uuid AND d.recipient_id = ${alias}.id AND d.status IN (${statuses}))`;
  };

  return { compile, values };
}

function patternOf(node: AttributeCondition | FieldCondition): string | null {
  for (const [key, part] of Object.entries(node))
    if (key in patterns) return patterns[key as keyof typeof patterns](part as string);
  return null;
}

const utc = (instant: string) => new Date(instant).toISOString();
