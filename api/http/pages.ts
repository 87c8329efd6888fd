import { z } from "@hono/zod-openapi";
import { firstUuidAt } from "../../domain/ids.ts";
import { instant } from "../../domain/time/instant.ts";
import { literalPattern } from "../../ledger/sql-like.ts";
import { text } from "../../domain/text.ts";
import { invalid } from "./problem.ts";

/**
 * How every list is asked for and answered. Sorted by one field, with the id to break ties, so that the order is stable;
 * a cursor says what the last page ended with, so that nothing is passed over or repeated when rows come and go.
 */
const maxPage = 200;

/** Of newest first. */
const exampleCursor =
  "WyItY3JlYXRlZEF0IixudWxsLCIwMTkzNDdiNC0zMzJjLTc2NGYtOGIxZC1jNzVkYjM1MmQyZmQiXQ";

/** Fields a list may be sorted by, and what is in them; never null. */
export type Sortable = Record<string, "creation" | "text" | "instant" | "number">;

/** Ids begin with the time of creation (UUIDv7): sorted by them is sorted by it. */
export const byCreation = { createdAt: "creation" } as const satisfies Sortable;

/** The part of a list's query that all lists share; newest first where nothing else is said. */
export function pageQuery<const Fields extends Sortable>(fields: Fields, preset = "-createdAt") {
  const sorts = Object.keys(fields).flatMap((field) => [field, `-${field}`]);
  return {
    limit: z.coerce
      .number(`must be a whole number from 1 to ${maxPage}`)
      .int()
      .min(1)
      .max(maxPage)
      .default(50)
      .openapi({ description: "Items of a page, at most", example: 50 }),
    cursor: z.string().max(1_000).optional().openapi({
      description: "nextCursor of the page before, with the same sort",
      example: exampleCursor,
    }),
    sort: z
      .enum(sorts as [string, ...string[]])
      .default(preset)
      .openapi({ description: "A minus sign before it: the last first", example: preset }),
  };
}

/** One or several of a set, separated by commas. */
export function oneOrMore<const Values extends readonly [string, ...string[]]>(values: Values) {
  type Value = Values[number];
  return z
    .string()
    .transform((text, context): Value[] => {
      const given = text.split(",");
      const unknown = given.find((value) => !values.includes(value));
      if (unknown === undefined) return given as Value[];
      context.addIssue({
        code: "custom",
        message: `must be ${values.join(" or ")}, or several separated by commas`,
      });
      return z.NEVER;
    })
    .openapi({
      type: "array",
      items: { type: "string", enum: [...values] },
      minItems: 1,
      description: "One or several, separated by commas",
      param: { style: "form", explode: false },
    });
}

// Not `openapi`, which schemas lack that were made before the generator was loaded.
const instantParameter = instant.meta({
  type: "string",
  format: "date-time",
  example: "2027-03-01T09:00:00Z",
});

/** Filters by time of creation. */
export const createdBetween = {
  createdFrom: instantParameter.optional().openapi({ description: "Not before" }),
  createdBefore: instantParameter.optional().openapi({ description: "Before" }),
};

/** The answer of a list. */
export const pageOf = <Item extends z.ZodType>(item: Item) =>
  z.object({
    items: z.array(item),
    nextCursor: z.string().nullable().openapi({
      description: "Null on the last page",
      example: exampleCursor,
    }),
  });

interface PageRequest {
  limit: number;
  cursor?: string | undefined;
  sort: string;
}

const positions = {
  creation: z.tuple([z.string(), z.null(), z.uuid()]),
  text: z.tuple([z.string(), text(500, 0), z.uuid()]),
  instant: z.tuple([z.string(), z.iso.datetime(), z.uuid()]),
  number: z.tuple([z.string(), z.int32(), z.uuid()]),
};

/**
 * What Prisma needs to read a page: spread `find`'s parts into `findMany`, `where` joined by AND with the filters. Then
 * `answer` makes the page of one row more than asked for. Throws the problem of a cursor that is none of this list's.
 */
export function paging<Row extends { id: string }>(page: PageRequest, fields: Sortable) {
  const { limit, sort } = page;
  const { field, kind, after, direction, take } = placeOf(page, fields);
  const beyond = direction === "desc" ? "lt" : "gt";
  const where =
    after === null
      ? {}
      : kind === "creation"
        ? { id: { [beyond]: after.id } }
        : {
            // The first bounds the index scan, which the second alone would not.
            [field]: { [`${beyond}e`]: after.value },
            OR: [
              { [field]: { [beyond]: after.value } },
              { [field]: after.value, id: { [beyond]: after.id } },
            ],
          };
  const orderBy =
    kind === "creation"
      ? [{ id: direction }]
      : ([{ [field]: direction }, { id: direction }] as { id: "asc" | "desc" }[]);
  return {
    where: where as Record<string, never>,
    orderBy,
    take,
    answer: <Item>(rows: readonly Row[], json: (row: Row) => Item) => {
      const shown = rows.slice(0, limit);
      const last = rows.length > limit ? shown.at(-1) : undefined;
      return {
        items: shown.map(json),
        nextCursor: last
          ? formatCursor(
              sort,
              kind === "creation" ? null : (last as Record<string, unknown>)[field],
              last.id,
            )
          : null,
      };
    },
  };
}

/** Of a page whose items may be long: rows read at once, and how long it may be as JSON before it ends. */
const longPart = 25;
const longPage = 4_000_000;

/**
 * Reads a page of items that may each be as long as a body may be: in parts, and no more of them once it is long itself.
 * Then it has fewer items than asked for, and a cursor to the others.
 */
export async function readLongPage<Row extends { id: string }, Item>(
  page: PageRequest,
  fields: Sortable,
  read: (find: Omit<ReturnType<typeof paging<Row>>, "answer">) => Promise<Row[]>,
  json: (row: Row) => Item,
): Promise<{ items: Item[]; nextCursor: string | null }> {
  const items: Item[] = [];
  let length = 0;
  let { cursor } = page;
  for (;;) {
    const limit = Math.min(longPart, page.limit - items.length);
    const { answer, ...find } = paging<Row>({ ...page, limit, cursor }, fields);
    const part = answer(await read(find), json);
    items.push(...part.items);
    length += JSON.stringify(part.items).length;
    if (part.nextCursor === null || items.length >= page.limit || length >= longPage)
      return { items, nextCursor: part.nextCursor };
    cursor = part.nextCursor;
  }
}

/** A part of a list by creation: at most `take` rows, beyond the id `after`. */
export interface Part {
  after: string | null;
  direction: "asc" | "desc";
  take: number;
}

/** What SQL needs to read a page of a list by creation, whose answer `paging` makes. */
export function partOf(page: PageRequest): Part {
  const { after, direction, take } = placeOf(page, byCreation);
  return { after: after && after.id, direction, take };
}

/** A part of a list sorted by `field`, and by id where that is the same: at most `take` rows, beyond `after`. */
export interface Place {
  field: string;
  kind: Sortable[string];
  after: { value: string | number | null; id: string } | null;
  direction: "asc" | "desc";
  take: number;
}

/** What SQL needs to read a page of any list, whose answer `paging` makes. */
export function placeOf({ limit, cursor, sort }: PageRequest, fields: Sortable): Place {
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

function formatCursor(sort: string, value: unknown, id: string): string {
  return Buffer.from(JSON.stringify([sort, value, id])).toString("base64url");
}

function parseCursor(cursor: string, sort: string, kind: Sortable[string]) {
  try {
    const [of, value, id] = positions[kind].parse(
      JSON.parse(Buffer.from(cursor, "base64url").toString("utf8")),
    );
    if (of === sort) return { value, id };
  } catch {
    // Told below, as every other fault of it.
  }
  throw invalid([
    {
      in: "query",
      field: "cursor",
      message: "must be the nextCursor of a page before, with the same sort",
    },
  ]);
}

/** In a query a plus sign that was not encoded, as of a telephone number, is a space. */
export const withPlus = (given: string) => given.replace(/^ (?=\d)/, "+");

/** For a Prisma filter: texts that hold this one, in any case. */
export function containing(part: string) {
  return { contains: literalPattern(part), mode: "insensitive" as const };
}

/** For a Prisma filter on the time of creation, which ids begin with: so that it bounds the scan of a list in their order. */
export function createdWithin({
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
