import { z } from "@hono/zod-openapi";
import {
  type Audience,
  audience,
  namedSegments,
  type RecipientFilter,
  recipientFilter,
  recipientFilterShape,
} from "../../domain/audience.ts";
import { routingFilter, routingFilterShape } from "../../domain/policy/routing-filter.ts";
import { lockSegmentFilters } from "../../ledger/segments.ts";
import { executeIn } from "../../ledger/sql.ts";
import type { Prisma } from "../../prisma/generated/client.ts";
import { type FieldError, invalid, jsonPointer } from "../http/problem.ts";

/**
 * Reads the filters of the segments that an audience names, and locks the segments against deletion until the end of the transaction.
 * Throws a problem if a segment does not exist. `at` is the path of the audience in the body.
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
              message: `names no segment: there is no ${key}. GET /v1/segments lists all segments`,
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
      "Which recipients to select. A condition on a value that a recipient lacks is false, and true under `not`. Text is compared with regard to case, except email addresses. " +
      "`attribute` is a key of the attributes, or the list of keys that lead to a nested value; `includes` matches a list that contains a value. A filter has at most 100 conditions, in at most 8 levels. " +
      "`reachableBy` matches recipients who have an address on a channel: with `push`, a device that is registered for it. " +
      "`received` matches recipients to whom the campaign was sent, and with `orUnknown` also those to whom it may have been sent. " +
      "`missed` matches recipients to whom the campaign was certainly not sent, because sending failed. " +
      "`topic` matches recipients who are subscribed to the topic with that key.",
    example: {
      all: [
        { attribute: "plan", equals: "pro" },
        { field: "locale", in: ["de", "de-AT"] },
      ],
    },
  },
  RoutingFilter: {
    description:
      "For which messages and recipients a routing rule holds. It has the conditions of segments on the recipient, except `received`, `missed` and `topic`, and conditions on the message: " +
      "`data` is a key of its data, or the list of keys that lead to a nested value, with the operators of `attribute`; `field` is `type`, `entityId`, `priority` or `source`, " +
      "or `hour` (0 to 23) or `weekday` in the recipient’s local time at the earliest time of sending. A condition on a value that is missing is false, and true under `not`. " +
      "A filter has at most 100 conditions, in at most 8 levels.",
    example: {
      all: [
        { field: "priority", in: ["critical", "high"] },
        { data: ["order", "total"], atLeast: 1000 },
        { attribute: "plan", equals: "pro" },
      ],
    },
  },
  Audience: {
    description:
      "The recipients of a campaign: all recipients by default. `include` limits them to recipients in any of these segments, and `where` to recipients that match the filter. " +
      "Recipients in a segment of `exclude` are left out. Segments are evaluated when the campaign begins.",
    example: { where: { attribute: "plan", equals: "pro" } },
  },
};

/** Schemas of the OpenAPI document by name. They are made here, because its generator cannot express schemas that refer to themselves. */
export const audienceComponents = describeComponents({
  RecipientFilter: recipientFilterShape,
  Audience: audience,
  RoutingFilter: routingFilterShape,
});

function describeComponents(
  shapes: Readonly<Record<string, z.ZodType>>,
): Readonly<Record<string, object>> {
  const named = z.registry<{ id: string }>();
  for (const [id, shape] of Object.entries(shapes)) named.add(shape, { id });
  const { schemas } = z.toJSONSchema(named, {
    uri: reference,
    // Input and output have the same shape, but the input schemas check bounds first.
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
}

/** The schema of an audience, for bodies. The document shows it as a reference. */
export const describedAudience = audience.meta({
  type: "object",
  $ref: reference("Audience"),
});

/** The schema of a routing rule's filter, for bodies. The document shows it as a reference. */
export const describedRoutingFilter = z.union([
  routingFilter.meta({ type: "object", $ref: reference("RoutingFilter") }),
  z.null(),
]);

/** The schema of a filter, for bodies. The document shows it as a reference. */
export const describedFilter = recipientFilter.meta({
  type: "object",
  $ref: reference("RecipientFilter"),
});
