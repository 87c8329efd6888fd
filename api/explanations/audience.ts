import { z } from "@hono/zod-openapi";
import type { Pool } from "pg";
import { type Audience, namedSegments, type RecipientFilter } from "../../domain/audience.ts";
import { filterWhere } from "../../ledger/audience-sql.ts";
import { readSegmentFilters } from "../../ledger/segments.ts";
import { executeOn } from "../../ledger/sql.ts";
import { describedFilter } from "../segments/audience.ts";

export const audienceExplanation = z
  .object({
    isIn: z
      .boolean()
      .openapi({ description: "Whether the audience has the recipient now", example: false }),
    parts: z
      .array(
        z.object({
          part: z.enum(["include", "where", "exclude"]).openapi({ example: "where" }),
          segment: z
            .string()
            .nullable()
            .openapi({ description: "Of a segment its key", example: null }),
          filter: describedFilter,
          holds: z.boolean().openapi({ example: false }),
          keepsOut: z
            .boolean()
            .openapi({ description: "Whether they are not in it for this", example: true }),
        }),
      )
      .openapi({ description: "Each part of the audience, as it holds for the recipient now" }),
  })
  .openapi("AudienceExplanation");

type Explained = z.output<typeof audienceExplanation>;

/** Which parts of an audience hold for a recipient now, and which of them keep the recipient out. */
export async function explainAudience(
  pool: Pick<Pool, "query">,
  audience: Audience,
  recipientId: string,
): Promise<Explained> {
  const segments = await readSegmentFilters(executeOn(pool), namedSegments(audience));
  const named = (part: "include" | "exclude", keys: readonly string[]) =>
    keys.flatMap((segment) => {
      const filter = segments.get(segment);
      return filter ? [{ part, segment, filter }] : [];
    });
  const parts = [
    ...("include" in audience ? named("include", audience.include) : []),
    ...("where" in audience && audience.where
      ? branchesOf(audience.where).map((filter) => ({
          part: "where" as const,
          segment: null,
          filter,
        }))
      : []),
    ...named("exclude", audience.exclude ?? []),
  ];
  const held = await holding(
    pool,
    parts.map(({ filter }) => filter),
    recipientId,
  );
  const included =
    !("include" in audience) || parts.some(({ part }, index) => part === "include" && held[index]);
  const explained = parts.map((one, index) => {
    const holds = held[index]!;
    const keepsOut = one.part === "include" ? !included : one.part === "exclude" ? holds : !holds;
    return { ...one, holds, keepsOut };
  });
  return { isIn: !explained.some(({ keepsOut }) => keepsOut), parts: explained };
}

/** What has to hold together is told apart. */
const branchesOf = (filter: RecipientFilter): RecipientFilter[] =>
  "all" in filter ? filter.all : [filter];

async function holding(
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
  const { rows } = await pool.query<{ held: boolean[] }>(
    `SELECT ARRAY[${columns.join(", ")}] AS held FROM recipients AS r WHERE r.id = $1::uuid`,
    values,
  );
  return rows[0]!.held;
}
