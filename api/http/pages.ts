import { z } from "@hono/zod-openapi";
import { instant } from "../../domain/time/instant.ts";

/** How the query of a list, and the page that answers it, look in every resource. page-reading.ts reads the page. */
const maxPage = 200;

/** The cursor of a list with the newest first. */
const exampleCursor =
  "WyItY3JlYXRlZEF0IixudWxsLCIwMTkzNDdiNC0zMzJjLTc2NGYtOGIxZC1jNzVkYjM1MmQyZmQiXQ";

/** Fields a list may be sorted by, and what each holds. None of them is ever null. */
export type Sortable = Record<string, "creation" | "text" | "instant" | "number">;

/** Ids begin with the time of creation (UUIDv7), so that a list in the order of ids is in the order of creation. */
export const byCreation = { createdAt: "creation" } as const satisfies Sortable;

/** The part of a list's query that all lists share. The newest item is first unless the caller says otherwise. */
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

/** A parameter that takes one or several values of a set, separated by commas. */
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

/** Parameters that filter a list by time of creation. */
export const createdBetween = {
  createdFrom: instantParameter.optional().openapi({ description: "Not before" }),
  createdBefore: instantParameter.optional().openapi({ description: "Before" }),
};

/** The schema of a page of a list. */
export const pageOf = <Item extends z.ZodType>(item: Item) =>
  z.object({
    items: z.array(item),
    nextCursor: z.string().nullable().openapi({
      description: "Null on the last page",
      example: exampleCursor,
    }),
  });

/** Restores a plus sign, as of a telephone number, which a query that does not encode it turns into a space. */
export const withPlus = (given: string) => given.replace(/^ (?=\d)/, "+");
