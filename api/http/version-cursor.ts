import { z } from "@hono/zod-openapi";
import { byCreation, pageQuery } from "./pages.ts";
import { invalid } from "./problem.ts";
import { type VersionMetadata, versionMetadataJson } from "./version-metadata.ts";

const { limit, cursor } = pageQuery(byCreation);

const maxNumber = 2_147_483_647;

/** The query of a list of versions, which has the newest first. */
export const versionPageQuery = z.object({ limit, cursor });

type VersionPageQuery = z.output<typeof versionPageQuery>;

/** Finds the position of a page of versions, which are numbered from 1. Throws a problem if the cursor belongs to another kind of list. */
export function locateVersionPage({ limit, cursor }: VersionPageQuery) {
  return {
    /** The page has the versions below this number; null starts at the latest. */
    below: cursor === undefined ? null : parseCursor(cursor),
    take: limit + 1,
    /** Makes a page of its items, which are at most one more than its limit. */
    toPage: <Item>(items: readonly Item[], numberOf: (item: Item) => number) => {
      const shown = items.slice(0, limit);
      const last = items.length > limit ? shown.at(-1) : undefined;
      return { items: shown, nextCursor: last ? formatCursor(numberOf(last)) : null };
    },
  };
}

/** Reads a page of the versions of a resource through Prisma, without their contents. */
export async function readVersionPage(
  query: VersionPageQuery,
  find: (page: {
    where: { version?: { lt: number } };
    orderBy: { version: "desc" };
    take: number;
  }) => Promise<readonly VersionMetadata[]>,
) {
  const { below, take, toPage } = locateVersionPage(query);
  const where = below === null ? {} : { version: { lt: below } };
  const rows = await find({ where, orderBy: { version: "desc" }, take });
  return toPage(rows.map(versionMetadataJson), ({ version }) => version);
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
      { in: "query", field: "cursor", message: "must be the nextCursor of the previous page" },
    ]);
  }
}
