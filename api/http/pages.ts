import { z } from "@hono/zod-openapi";
import { instant } from "../../domain/time/instant.ts";

// The schemas of the query of a list, and of its pages, for every resource. page-reading.ts reads the pages.

const maxPage = 200;

/** The cursor of a list with the newest item first. */
const exampleCursor =
  "WyItY3JlYXRlZEF0IixudWxsLCIwMTkzNDdiNC0zMzJjLTc2NGYtOGIxZC1jNzVkYjM1MmQyZmQiXQ";

/** Fields that a list may be sorted by, with their kinds. None of them is ever null. */
export type Sortable = Record<string, "creation" | "text" | "instant" | "number">;

/** Ids begin with the time of creation (UUIDv7), so that a list in the order of ids is in the order of creation. */
export const byCreation = { createdAt: "creation" } as const satisfies Sortable;

/** Makes the query parameters that all lists share. By default the newest item comes first. */
export function pageQuery<const Fields extends Sortable>(fields: Fields, preset = "-createdAt") {
  const sorts = Object.keys(fields).flatMap((field) => [field, `-${field}`]);
  return {
    limit: z.coerce
      .number(`must be a whole number from 1 to ${maxPage}`)
      .int()
      .min(1)
      .max(maxPage)
      .default(50)
      .openapi({ description: "The largest number of items in a page", example: 50 }),
    cursor: z.string().max(1_000).optional().openapi({
      description: "The `nextCursor` of the previous page, with the same `sort` and filters",
      example: exampleCursor,
    }),
    sort: z
      .enum(sorts as [string, ...string[]])
      .default(preset)
      .openapi({
        description: "The field to sort by; a minus sign before it reverses the order",
        example: preset,
      }),
  };
}

/** Makes the schema of a parameter that takes one or several values of a set, separated by commas. */
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
      description: "One or several of these values, separated by commas",
      param: { style: "form", explode: false },
    });
}

// This is not `openapi`, because schemas that were made before the generator was loaded lack that method.
export const instantParameter = instant.meta({
  type: "string",
  format: "date-time",
  example: "2027-03-01T09:00:00Z",
});

/** Parameters that filter a list by time of creation. */
export const createdBetween = {
  createdFrom: instantParameter
    .optional()
    .openapi({ description: "Only items created at this time or later" }),
  createdBefore: instantParameter
    .optional()
    .openapi({ description: "Only items created before this time" }),
};

/** Makes the schema of a page of a list. */
export const pageOf = <Item extends z.ZodType>(item: Item) =>
  z.object({
    items: z.array(item),
    nextCursor: z.string().nullable().openapi({
      description: "Send it as `cursor` to get the next page; null on the last page",
      example: exampleCursor,
    }),
  });

/** Restores the plus sign of a telephone number, which becomes a space in a query that does not encode it. */
export const withPlus = (given: string) => given.replace(/^ (?=\d)/, "+");
