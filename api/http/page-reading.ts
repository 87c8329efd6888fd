import { z } from "@hono/zod-openapi";
import { firstUuidAt } from "../../domain/ids.ts";
import { text } from "../../domain/text.ts";
import { literalPattern } from "../../ledger/sql-like.ts";
import { byCreation, type Sortable } from "./pages.ts";
import { invalid } from "./problem.ts";

/**
 * The query of a page. A list is sorted by one field, and by id where that is equal, so that its order is stable. A cursor holds the
 * position of the last row of the previous page, so that no row is skipped or repeated when rows are added or removed.
 */
interface PageRequest {
  limit: number;
  cursor?: string | undefined;
  sort: string;
}

interface Page<Item> {
  items: Item[];
  nextCursor: string | null;
}

/** The arguments of Prisma's `findMany` that find the rows of a page. `filterBy` adds the filters of the list. */
interface PrismaPage {
  where: Record<string, never>;
  orderBy: { id: "asc" | "desc" }[];
  take: number;
}

/** Reads a page through Prisma. Throws a problem if the cursor belongs to another list. */
export async function readPage<Row extends { id: string }, Item>(
  query: PageRequest,
  fields: Sortable,
  find: (page: PrismaPage) => Promise<readonly Row[]>,
  toItem: (row: Row) => Item,
): Promise<Page<Item>> {
  return toPage(query, fields, await find(toPrismaPage(locatePage(query, fields))), toItem);
}

/** How many rows of a long page are read at once, and the length of its JSON, in characters, at which it ends. */
export const longPart = 25;
const longPage = 4_000_000;

/**
 * Reads a page as `readPage` does, for items that may each be as long as a request body. It reads the page in parts and ends it
 * when it is too long. The page then has fewer items than its limit, and a cursor to the others.
 */
export async function readLongPage<Row extends { id: string }, Item>(
  query: PageRequest,
  fields: Sortable,
  find: (page: PrismaPage) => Promise<readonly Row[]>,
  toItem: (row: Row) => Item,
): Promise<Page<Item>> {
  const { limit, sort } = query;
  const items: Item[] = [];
  let length = 0;
  let { cursor } = query;
  for (;;) {
    const request = { limit: Math.min(longPart, limit - items.length), cursor, sort };
    const part = await readPage(request, fields, find, toItem);
    items.push(...part.items);
    length += JSON.stringify(part.items).length;
    if (part.nextCursor === null || items.length >= limit || length >= longPage)
      return { items, nextCursor: part.nextCursor };
    cursor = part.nextCursor;
  }
}

/** The position of a page in a list sorted by `field`, and by id where that is equal: at most `take` rows, beyond `after`. */
export interface PagePosition {
  field: string;
  kind: Sortable[string];
  after: { value: string | number | null; id: string } | null;
  direction: "asc" | "desc";
  take: number;
}

/** Reads a page as `readPage` does, with a function that reads the rows beyond a position with SQL. */
export async function readSqlPage<Row extends { id: string }, Item>(
  query: PageRequest,
  fields: Sortable,
  read: (position: PagePosition) => Promise<readonly Row[]>,
  toItem: (row: Row) => Item,
): Promise<Page<Item>> {
  return toPage(query, fields, await read(locatePage(query, fields)), toItem);
}

/** A part of a list in the order of creation: at most `take` rows, beyond the id `after`. */
export interface Part {
  after: string | null;
  direction: "asc" | "desc";
  take: number;
}

/** Reads a page as `readSqlPage` does, of a list in the order of creation. */
export async function readPageByCreation<Row extends { id: string }, Item>(
  query: PageRequest,
  read: (part: Part) => Promise<readonly Row[]>,
  toItem: (row: Row) => Item,
): Promise<Page<Item>> {
  return readSqlPage(
    query,
    byCreation,
    ({ after, direction, take }) => read({ after: after && after.id, direction, take }),
    toItem,
  );
}

/** Finds the position of the page that a query asks for. It takes one row more than the limit, which shows whether another page follows. */
function locatePage({ limit, cursor, sort }: PageRequest, fields: Sortable): PagePosition {
  const field = sort.replace(/^-/, "");
  const kind = fields[field]!;
  return {
    field,
    kind,
    after: cursor === undefined ? null : parseCursor(cursor, sort, kind),
    direction: sort.startsWith("-") ? "desc" : "asc",
    take: limit + 1,
  };
}

/** Makes the page of a part, for a list in the order of creation that is read through Prisma. */
export const toPrismaPart = (part: Part): PrismaPage => toPrismaPage(positionOf(part));

/** Makes the position of a part, for a list that may also have other orders. */
export const positionOf = ({ after, direction, take }: Part): PagePosition => ({
  field: "createdAt",
  kind: "creation",
  after: after === null ? null : { value: null, id: after },
  direction,
  take,
});

function toPrismaPage({ field, kind, after, direction, take }: PagePosition): PrismaPage {
  const beyond = direction === "desc" ? "lt" : "gt";
  const where =
    after === null
      ? {}
      : kind === "creation"
        ? { id: { [beyond]: after.id } }
        : {
            // This condition bounds the index scan; OR alone would not.
            [field]: { [`${beyond}e`]: after.value },
            OR: [
              { [field]: { [beyond]: after.value } },
              { [field]: after.value, id: { [beyond]: after.id } },
            ],
          };
  const orderBy =
    kind === "creation" ? [{ id: direction }] : [{ [field]: direction }, { id: direction }];
  // The fields are those of the model that the caller reads, which the types do not express.
  return { where, orderBy, take } as PrismaPage;
}

/** Makes a page of its rows, which are at most one more than its limit. */
function toPage<Row extends { id: string }, Item>(
  { limit, sort }: PageRequest,
  fields: Sortable,
  rows: readonly Row[],
  toItem: (row: Row) => Item,
): Page<Item> {
  const shown = rows.slice(0, limit);
  const last = rows.length > limit ? shown.at(-1) : undefined;
  const field = sort.replace(/^-/, "");
  const valueOf = (row: Row) =>
    fields[field] === "creation" ? null : (row as Record<string, unknown>)[field];
  return {
    items: shown.map(toItem),
    nextCursor: last ? formatCursor(sort, valueOf(last), last.id) : null,
  };
}

/** The schemas of cursors by kind of field: the sort, the value of its field, and the id. */
const positions = {
  creation: z.tuple([z.string(), z.null(), z.uuid()]),
  text: z.tuple([z.string(), text(500, 0), z.uuid()]),
  instant: z.tuple([z.string(), z.iso.datetime(), z.uuid()]),
  number: z.tuple([z.string(), z.int32(), z.uuid()]),
};

function formatCursor(sort: string, value: unknown, id: string): string {
  return Buffer.from(JSON.stringify([sort, value, id])).toString("base64url");
}

function parseCursor(cursor: string, sort: string, kind: Sortable[string]) {
  try {
    const [cursorSort, value, id] = positions[kind].parse(
      JSON.parse(Buffer.from(cursor, "base64url").toString("utf8")),
    );
    if (cursorSort === sort) return { value, id };
  } catch {
    // The problem below covers every fault of a cursor.
  }
  throw invalid([
    {
      in: "query",
      field: "cursor",
      message: "must be the nextCursor of the previous page, with the same sort",
    },
  ]);
}

/** Joins the filters of a list with the position of its page by AND. */
export function filterBy<Filters extends object[]>(page: PrismaPage, ...filters: Filters) {
  return { ...page, where: { AND: [page.where, ...filters] } };
}

/** Makes a Prisma filter for texts that contain this part, without regard to case. */
export function matchText(part: string) {
  return { contains: literalPattern(part), mode: "insensitive" as const };
}

/** Makes a Prisma filter for rows whose key or name contains this part, without regard to case. */
export const filterByKeyOrName = (part: string) => ({
  OR: [{ key: matchText(part) }, { name: matchText(part) }],
});

/** Makes a Prisma filter by time of creation. It compares ids, which begin with that time, so that it bounds the index scan of a list. */
export function filterByCreation({
  createdFrom,
  createdBefore,
}: {
  createdFrom?: Date | undefined;
  createdBefore?: Date | undefined;
}) {
  return createdFrom || createdBefore
    ? {
        id: {
          ...(createdFrom && { gte: firstUuidAt(createdFrom) }),
          ...(createdBefore && { lt: firstUuidAt(createdBefore) }),
        },
      }
    : {};
}
