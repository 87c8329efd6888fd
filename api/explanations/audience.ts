import { z } from "@hono/zod-openapi";
import type { Pool } from "pg";
import { type Audience, namedSegments, type RecipientFilter } from "../../domain/audience.ts";
import { filterWhere } from "../../ledger/audience-sql.ts";
import { readSegmentFilters } from "../../ledger/segments.ts";
import { executeOn } from "../../ledger/sql.ts";
import { describedFilter } from "../segments/audience.ts";

/** Why a recipient is or is not in the audience of a campaign. */
export const audienceExplanation = z
  .object({
    isIn: z
      .boolean()
      .openapi({ description: "Whether the recipient is in the audience now", example: false }),
    parts: z
      .array(
        z.object({
          part: z.enum(["include", "where", "exclude"]).openapi({ example: "where" }),
          segment: z.string().nullable().openapi({
            description: "The key of the segment; null for a condition of `where`",
            example: null,
          }),
          filter: describedFilter,
          holds: z
            .boolean()
            .openapi({ description: "Whether the recipient matches the filter", example: false }),
          keepsOut: z.boolean().openapi({
            description: "Whether this part keeps the recipient out of the audience",
            example: true,
          }),
        }),
      )
      .openapi({
        description: "Each part of the audience, applied to the recipient as they are now",
      }),
  })
  .openapi("AudienceExplanation");

type AudienceExplanation = z.output<typeof audienceExplanation>;

/** Explains which parts of an audience match a recipient now, and which of them keep the recipient out. */
export async function explainAudience(
  pool: Pick<Pool, "query">,
  audience: Audience,
  recipientId: string,
): Promise<AudienceExplanation> {
  const segments = await readSegmentFilters(executeOn(pool), namedSegments(audience));
  const readNamed = (part: "include" | "exclude", keys: readonly string[]) =>
    keys.flatMap((segment) => {
      const filter = segments.get(segment);
      return filter ? [{ part, segment, filter }] : [];
    });
  const parts = [
    ...("include" in audience ? readNamed("include", audience.include) : []),
    ...("where" in audience && audience.where
      ? splitConditions(audience.where).map((filter) => ({
          part: "where" as const,
          segment: null,
          filter,
        }))
      : []),
    ...readNamed("exclude", audience.exclude ?? []),
  ];
  const matches = await matchFilters(
    pool,
    parts.map(({ filter }) => filter),
    recipientId,
  );
  const included =
    !("include" in audience) ||
    parts.some(({ part }, index) => part === "include" && matches[index]);
  const explained = parts.map((part, index) => {
    const holds = matches[index]!;
    const keepsOut = part.part === "include" ? !included : part.part === "exclude" ? holds : !holds;
    return { ...part, holds, keepsOut };
  });
  return { isIn: !explained.some(({ keepsOut }) => keepsOut), parts: explained };
}

/** Splits a filter into the conditions that must all hold, so that each is explained by itself. */
const splitConditions = (filter: RecipientFilter): RecipientFilter[] =>
  "all" in filter ? filter.all : [filter];

/** Tests one recipient against each of the filters, in their order. */
async function matchFilters(
  pool: Pick<Pool, "query">,
  filters: readonly RecipientFilter[],
  recipientId: string,
): Promise<boolean[]> {
  if (filters.length === 0) return [];
  const values: string[] = [recipientId];
  const columns = filters.map((filter) => {
    const condition = filterWhere(filter, "r", values.length + 1);
    values.push(...condition.values);
    return `coalesce(${condition.sql}, false)`;
  });
  const { rows } = await pool.query<{ matches: boolean[] }>(
    `SELECT ARRAY[${columns.join(", ")}] AS matches FROM recipients AS r WHERE r.id = $1::uuid`,
    values,
  );
  return rows[0]!.matches;
}
