import type { Audience, Condition, RecipientFilter } from "../domain/audience.ts";
import { addressSpellings } from "../domain/address.ts";
import type { AddressedChannel } from "../domain/channel.ts";
import type { ZoneCondition } from "../domain/filter.ts";
import { parsePublicId } from "../domain/ids.ts";
import type { FilterOver } from "../domain/policy/routing-filter.ts";
import { isEngaged } from "./recipient-engagement.ts";
import { containingPattern, literalPattern } from "./sql-like.ts";

/** A condition on rows, with the values of its placeholders. */
export interface SqlCondition {
  sql: string;
  values: string[];
}

/**
 * Compiles a filter to an SQL condition over the table `recipients` under `alias`. Erased recipients never fulfil it. Placeholders are
 * numbered from `$firstPlaceholder`. Every value is text with its cast in the SQL, so that any driver can bind it. No value of the
 * filter is ever part of the SQL.
 */
export function filterWhere(
  filter: RecipientFilter,
  alias: string,
  firstPlaceholder = 1,
): SqlCondition {
  const { compile, values } = createFilterCompiler(alias, firstPlaceholder);
  return { sql: `${live(alias)} AND ${compile(filter)}`, values };
}

/** Compiles an audience like `filterWhere`; `segments` contains the filters of the segments that the audience names. */
export function audienceWhere(
  audience: Audience,
  segments: ReadonlyMap<string, RecipientFilter>,
  alias: string,
  firstPlaceholder = 1,
): SqlCondition {
  const parts = audienceParts(audience, segments, alias, firstPlaceholder);
  const { included, excluded, values } = parts;
  const conditions = [live(alias), ...included, ...(excluded === null ? [] : [negate(excluded)])];
  return { sql: conditions.join(" AND "), values };
}

/**
 * Compiles an audience to the conditions that include recipients, all of which have to hold, and the one that excludes them; null if it excludes nobody.
 * Erased recipients are not left out.
 */
export function audienceParts(
  audience: Audience,
  segments: ReadonlyMap<string, RecipientFilter>,
  alias: string,
  firstPlaceholder: number,
): { included: string[]; excluded: string | null; values: string[] } {
  const { compile, values } = createFilterCompiler(alias, firstPlaceholder);
  const anyOf = (keys: readonly string[]): string =>
    compile({
      any: keys.map((key) => {
        const filter = segments.get(key);
        if (!filter) throw new Error(`the segment ${key} is not resolved`);
        return filter;
      }),
    });
  const included: string[] = [];
  if ("include" in audience) included.push(anyOf(audience.include));
  if ("where" in audience && audience.where) included.push(compile(audience.where));
  return { included, excluded: audience.exclude ? anyOf(audience.exclude) : null, values };
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

/** The LIKE patterns of text conditions; wildcards in the value are escaped. */
const patterns = {
  startsWith: (part: string) => `${literalPattern(part)}%`,
  endsWith: (part: string) => `%${literalPattern(part)}`,
  contains: containingPattern,
} as const;

const comparisons = { greaterThan: ">", atLeast: ">=", lessThan: "<", atMost: "<=" } as const;

type AttributeCondition = Extract<Condition, { attribute: unknown }>;
type FieldCondition = Extract<Condition, { field: unknown }>;
type TextCondition = Exclude<
  FieldCondition,
  { from: unknown } | { before: unknown } | { exists: unknown }
>;

/**
 * Compiles filters to conditions over the table `recipients` under `alias`, as `filterWhere` does, but without regard to erasure. The filters
 * share one list of values. A condition on a missing value may be NULL, which counts as false in WHERE and WHEN, also under AND and OR; `not`
 * converts it to false before it negates it. The conditions themselves have no coalesce, because only then they may use an index.
 */
export function createFilterCompiler(alias: string, firstPlaceholder: number) {
  const values: string[] = [];
  const bind = (value: string) => `$${firstPlaceholder - 1 + values.push(value)}::text`;
  const bindJson = (value: unknown) => `${bind(JSON.stringify(value))}::jsonb`;

  const ofAttribute = (node: AttributeCondition): string => {
    const attributes = `${alias}.attributes`;
    const path = [node.attribute].flat();
    if ("equals" in node || "includes" in node) {
      const value = "equals" in node ? node.equals : [node.includes];
      const wanted = path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value);
      return `${attributes} @> ${bindJson(wanted)}`;
    }
    const comparison = comparisonOf(node);
    if (comparison !== null) {
      const steps = path.map((key) => `.${JSON.stringify(key)}`).join("");
      return `${attributes} @@ ${bind(`strict $${steps} ${comparison}`)}::jsonpath`;
    }
    const leading = path.slice(0, -1).map((key) => ` -> ${bind(key)}`);
    const parent = `${attributes}${leading.join("")}`;
    const key = bind(path.at(-1)!);
    const value = `(${parent} -> ${key})`;
    if ("exists" in node) return `${value} IS ${node.exists ? "NOT NULL" : "NULL"}`;
    // A subquery is hashed; an array would be scanned for each row.
    if ("in" in node) return `${value} IN (SELECT jsonb_array_elements(${bindJson(node.in)}))`;
    return `(${parent} ->> ${key} LIKE ${bind(patternsOf(node)[0]!)} AND jsonb_typeof${value} = 'string')`;
  };

  const ofField = (node: FieldCondition): string => {
    const column = `${alias}.${columns[node.field]}`;
    if ("from" in node) return `${column} >= ${bindInstant(node.from)}`;
    if ("before" in node) return `${column} < ${bindInstant(node.before)}`;
    if ("exists" in node) return `${column} IS ${node.exists ? "NOT NULL" : "NULL"}`;
    if (node.field === "email") return ofEmail(node);
    if ("equals" in node) return `${column} = ${bind(node.equals)}`;
    if ("in" in node)
      return `${column} IN (SELECT jsonb_array_elements_text(${bindJson(node.in)}))`;
    return `${column} LIKE ${bind(patternsOf(node)[0]!)}`;
  };

  /** Addresses are compared without regard to case, in every spelling of the domain. */
  const ofEmail = (node: TextCondition): string => {
    const column = `lower(${alias}.email)`;
    if ("equals" in node)
      return anyOf(
        addressSpellings(node.equals),
        (spelling) => `${column} = lower(${bind(spelling)})`,
      );
    if ("in" in node)
      return `${column} IN (SELECT lower(v) FROM jsonb_array_elements_text(${bindJson(node.in.flatMap(addressSpellings))}) AS v)`;
    return anyOf(
      patternsOf(node, addressSpellings),
      (pattern) => `${column} LIKE lower(${bind(pattern)})`,
    );
  };

  /** Computed once per query. A cast from text to `timestamptz` depends on the session, and would be computed for each row. */
  const bindInstant = (instant: string) =>
    `to_timestamp(${bind(String(Date.parse(instant) / 1_000))}::float8)`;

  const ofZones = (operator: "IN" | "NOT IN", zones: readonly string[]) =>
    `${alias}.time_zone ${operator} (SELECT jsonb_array_elements_text(${bindJson(zones)}))`;

  /** Whether the campaign's delivery `d` to the recipient fulfils a condition. */
  const ofDelivery = (campaign: string, condition: string) =>
    `EXISTS (SELECT FROM deliveries AS d WHERE d.campaign_id = ${bind(parsePublicId("campaign", campaign)!)}::uuid AND d.recipient_id = ${alias}.id AND ${condition})`;

  const compile = (node: FilterOver<Condition | ZoneCondition>): string => {
    if ("all" in node) return `(${node.all.map(compile).join(" AND ")})`;
    if ("any" in node) return `(${node.any.map(compile).join(" OR ")})`;
    if ("not" in node) return negate(compile(node.not));
    if ("attribute" in node) return ofAttribute(node);
    if ("field" in node) return ofField(node);
    if ("zoneIn" in node) return ofZones("IN", node.zoneIn);
    if ("zoneNotIn" in node) return ofZones("NOT IN", node.zoneNotIn);
    if ("reachableBy" in node) return hasAddress(node.reachableBy, alias, bind);
    if ("topic" in node) return isSubscribedTo(bind(node.topic), alias);
    if ("engagement" in node) return isEngaged(node.engagement, `${alias}.id`);
    if ("missed" in node)
      return ofDelivery(node.missed, `d.status = 'failed' AND NOT ${mayHaveBeenReceived("d")}`);
    const surely = "d.status IN ('sent', 'delivered')";
    return ofDelivery(
      node.received,
      node.orUnknown ? `(${surely} OR ${mayHaveBeenReceived("d")})` : surely,
    );
  };

  return { compile, values };
}

/** The SQL condition that a recipient has an address on a channel. */
export const hasAddress = (
  channel: AddressedChannel,
  recipient: string,
  bind: (value: string) => string,
): string => {
  if (channel === "email") return `${recipient}.email IS NOT NULL`;
  if (channel === "sms") return `${recipient}.phone IS NOT NULL`;
  // The first condition is that of the index `recipients_with_addresses`.
  return `(cardinality(${recipient}.address_channels) > 0 AND ${bind(channel)}::channel = ANY (${recipient}.address_channels))`;
};

/** The SQL condition that a recipient is subscribed to the topic with a key. */
const isSubscribedTo = (key: string, recipient: string): string =>
  `EXISTS (SELECT FROM topic_subscriptions AS s JOIN topics AS t ON t.id = s.topic_id WHERE t.key = ${key} AND s.recipient_id = ${recipient}.id AND s.status = 'subscribed')`;

/**
 * Whether a delivery that is not known to be sent may have arrived: its outcome is unknown, or one of its attempts had no answer, whatever
 * the later attempts resulted in.
 */
export const mayHaveBeenReceived = (delivery: string) =>
  `(${delivery}.status = 'unknown' OR ${delivery}.attempt_count > 0 AND EXISTS (SELECT FROM attempts AS a WHERE a.delivery_id = ${delivery}.id AND a.outcome = 'unknown'))`;

const anyOf = <Item>(items: readonly Item[], condition: (item: Item) => string): string =>
  items.length === 1 ? condition(items[0]!) : `(${items.map(condition).join(" OR ")})`;

/** True where `condition` is false or NULL. */
const negate = (condition: string) => `NOT coalesce(${condition}, false)`;

function comparisonOf(node: AttributeCondition): string | null {
  for (const [key, number] of Object.entries(node))
    if (key in comparisons)
      return `${comparisons[key as keyof typeof comparisons]} ${number as number}`;
  return null;
}

/** The LIKE patterns of a condition on a part of a text, one for each spelling of the part. */
function patternsOf(
  node: AttributeCondition | FieldCondition,
  spell: (part: string) => readonly string[] = (part) => [part],
): string[] {
  return Object.entries(node).flatMap(([key, part]) =>
    key in patterns ? spell(part as string).map(patterns[key as keyof typeof patterns]) : [],
  );
}
