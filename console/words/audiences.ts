import type { Audience, RecipientFilter } from "../../domain/audience.ts";
import { shortenId } from "../parts/short-id.tsx";
import { operatorWords } from "./operators.ts";

const describeValue = (value: unknown): string =>
  Array.isArray(value) ? value.map(describeValue).join(", ") : JSON.stringify(value);

const join = (filters: readonly RecipientFilter[], word: string) =>
  filters
    .map((filter) => {
      const text = describeFilter(filter);
      return "all" in filter || "any" in filter ? `(${text})` : text;
    })
    .join(` ${word} `);

/** Describes a filter over recipients, such as: plan is "pro" and email exists. */
export function describeFilter(filter: RecipientFilter): string {
  if ("all" in filter) return join(filter.all, "and");
  if ("any" in filter) return join(filter.any, "or");
  if ("not" in filter) return `not (${describeFilter(filter.not)})`;
  if ("reachableBy" in filter) return `can be reached by ${filter.reachableBy}`;
  if ("received" in filter)
    return `received ${shortenId(filter.received)}${filter.orUnknown ? ", or may have" : ""}`;
  if ("topic" in filter) return `is subscribed to ${filter.topic}`;
  if ("engagement" in filter)
    return filter.engagement === "never" ? "never engaged" : `is ${filter.engagement}`;
  if ("missed" in filter) return `was missed by ${shortenId(filter.missed)}`;
  const { attribute, field, ...condition } = filter as {
    attribute?: string | string[];
    field?: string;
  } & Record<string, unknown>;
  const name = field ?? [attribute].flat().join(".");
  if ("exists" in condition) return condition["exists"] === true ? `${name} exists` : `no ${name}`;
  return Object.entries(condition)
    .map(([operator, value]) => `${name} ${operatorWords[operator]} ${describeValue(value)}`)
    .join(" and ");
}

/** Describes the audience of a campaign, as the API shows it, in a sentence. */
export function describeAudience(shown: Record<string, unknown>): string {
  // The API shows the audience as the request had it.
  const audience = shown as unknown as Audience;
  const included =
    "include" in audience
      ? `Everybody in ${audience.include.length === 1 ? "the segment" : "one of the segments"} ${audience.include.join(", ")}`
      : "Everybody";
  const where =
    "where" in audience && audience.where ? ` for whom: ${describeFilter(audience.where)}` : "";
  const without = audience.exclude ? `, except those in ${audience.exclude.join(", ")}` : "";
  return `${included}${where}${without}.`;
}
