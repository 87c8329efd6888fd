import { z } from "@hono/zod-openapi";
import { byCreation, pageQuery } from "./pages.ts";
import { invalid } from "./problem.ts";

const { limit, cursor } = pageQuery(byCreation);

const maxNumber = 2_147_483_647;

/** The query of a list of what is numbered, the latest first. */
export const numberedQuery = z.object({ limit, cursor });

/** What is needed to read a page of what is numbered from 1; throws the problem of a cursor that is of no such list. */
export function numberedPage({ limit, cursor }: z.output<typeof numberedQuery>) {
  return {
    /** The page's numbers are less; null: whatever they are. */
    below: cursor === undefined ? null : parseCursor(cursor),
    take: limit + 1,
    /** Makes the page of one item more than asked for. */
    answer: <Item>(items: readonly Item[], numberOf: (item: Item) => number) => {
      const shown = items.slice(0, limit);
      const last = items.length > limit ? shown.at(-1) : undefined;
      return { items: shown, nextCursor: last ? formatCursor(numberOf(last)) : null };
    },
  };
}

const position = z.tuple([z.literal("-number"), z.int().min(1).max(maxNumber)]);

function formatCursor(number: number): string {
  return Buffer.from(JSON.stringify(["-number", number])).toString("base64url");
}

function parseCursor(cursor: string): number {
  try {
    return position.parse(JSON.parse(Buffer.from(cursor, "base64url").toString("utf8")))[1];
  } catch {
    throw invalid([
      { in: "query", field: "cursor", message: "must be the nextCursor of a page before" },
    ]);
  }
}
