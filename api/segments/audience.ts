import { z } from "@hono/zod-openapi";
import {
  type Audience,
  audience,
  namedSegments,
  type RecipientFilter,
  recipientFilter,
  recipientFilterShape,
} from "../../domain/audience.ts";
import { lockSegmentFilters } from "../../ledger/segments.ts";
import { executeIn } from "../../ledger/sql.ts";
import type { Prisma } from "../../prisma/generated/client.ts";
import { type FieldError, invalid, jsonPointer } from "../http/problem.ts";

/**
 * The filters of the segments that an audience names, held against deletion to the end of the transaction. Throws the
 * problem that names those which there are not; `at` is where the audience stands in the body.
 */
export async function segmentsOf(
  tx: Prisma.TransactionClient,
  wanted: Audience,
  at: readonly string[] = ["audience"],
): Promise<ReadonlyMap<string, RecipientFilter>> {
  const found = await lockSegmentFilters(executeIn(tx), namedSegments(wanted));
  const { include, exclude }: { include?: string[]; exclude?: string[] | undefined } = wanted;
  const errors = Object.entries({ include, exclude }).flatMap(([list, named]) =>
    (named ?? []).flatMap((key, index): FieldError[] =>
      found.has(key)
        ? []
        : [
            {
              in: "body",
              field: jsonPointer([...at, list, index]),
              message: `names no segment: there is no ${key}`,
            },
          ],
    ),
  );
  if (errors.length > 0) throw invalid(errors);
  return found;
}

const reference = (name: string) => `#/components/schemas/${name}`;

const notes: Record<string, object> = {
  RecipientFilter: {
    description:
      "Which recipients are meant. A condition on what a recipient lacks is false, and true under not. Text is compared by case, but e-mail addresses are not. " +
      "An attribute is a key of attributes, or the keys that lead to a value within; includes asks whether it is a list that holds a value. At most 100 conditions, 8 levels deep. " +
      "received means who was sent that campaign; with orUnknown also who may have been. " +
      "missed means who was to be sent it, and surely was not, for it failed.",
    example: {
      all: [
        { attribute: "plan", equals: "pro" },
        { field: "locale", in: ["de", "de-AT"] },
      ],
    },
  },
  Audience: {
    description:
      "Whom a campaign is for: everybody, those of a filter, or those of any included segment (of whom a where leaves those it holds for); " +
      "never those of an excluded segment. Segments mean whom they hold when the campaign begins.",
    example: { where: { attribute: "plan", equals: "pro" } },
  },
};

/** Schemas of the OpenAPI document, by name: its own generator cannot say what refers to itself. */
export const audienceComponents: Readonly<Record<string, object>> = (() => {
  const named = z.registry<{ id: string }>();
  named.add(recipientFilterShape, { id: "RecipientFilter" });
  named.add(audience, { id: "Audience" });
  const { schemas } = z.toJSONSchema(named, {
    uri: reference,
    // Nothing in these is transformed; but what goes in has bounds before its shape.
    io: "output",
    override: ({ jsonSchema }) => {
      if (jsonSchema.format === "date-time") delete jsonSchema.pattern;
    },
  });
  return Object.fromEntries(
    Object.entries(schemas).map(([name, { $schema: _dialect, $id: _id, ...schema }]) => [
      name,
      { ...schema, ...notes[name] },
    ]),
  );
})();

/** For bodies: the schema of an audience with its place in the document. */
export const describedAudience = audience.meta({
  type: "object",
  $ref: reference("Audience"),
});

/** Likewise of a filter. */
export const describedFilter = recipientFilter.meta({
  type: "object",
  $ref: reference("RecipientFilter"),
});
