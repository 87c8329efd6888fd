import { z } from "@hono/zod-openapi";
import { publicId } from "../../domain/ids.ts";
import type { RecipientChange } from "../../domain/recipient-change.ts";
import { withIdempotentTransaction, idempotencyHeaders } from "../http/idempotency.ts";
import { jsonPointer } from "../http/problem.ts";
import { releaseFor } from "../deliveries/release.ts";
import { addressChanges } from "./address-changes.ts";
import { storeRecipients } from "./upsert.ts";
import { createChangeSchema, modeParameter, writeModes } from "./write-mode.ts";
import { createRouter, defineRoute, jsonContent, responses } from "../http/router.ts";
import { executeIn } from "../../ledger/sql.ts";
import { fieldFaults } from "../http/validation.ts";
import type { Services } from "../services.ts";

const maxRecipients = 1_000;

const bulk = z.strictObject({
  recipients: z
    .array(z.looseObject({}))
    .min(1, "must have at least one recipient")
    .max(
      maxRecipients,
      `must have at most ${maxRecipients} recipients: send more to POST /v1/recipients/import`,
    )
    .openapi({
      description:
        "Each with `externalId`, the fields of PUT /v1/recipients/{recipient}, and optionally `preferences`",
      example: [
        { externalId: "ada", email: "ada@example.org", attributes: { plan: "pro" } },
        { externalId: "bob", email: "bob@example.org" },
      ],
    }),
});

// The results have no external ids, because the response is stored with its Idempotency-Key and erasure must leave nothing there.
const stored = z.object({
  status: z.enum(["created", "changed", "unchanged"]),
  id: z.string().openapi({ example: "rcp_01jd3v8qyee7fr8xmcsnh5hbcd" }),
});
const refused = z.object({
  status: z.literal("refused"),
  errors: z.array(
    z.object({
      field: z
        .string()
        .openapi({ description: "A JSON pointer into the recipient; empty for the whole" }),
      message: z.string(),
    }),
  ),
});

const outcome = z
  .object({
    mode: z.enum(writeModes).openapi({
      description:
        "Whether recipients were merged with the request, or replaced by it, as the parameter says",
    }),
    created: z.number().int(),
    changed: z.number().int(),
    unchanged: z
      .number()
      .int()
      .openapi({ description: "The number of recipients that the request did not change" }),
    refused: z
      .number()
      .int()
      .openapi({ description: "The number of invalid recipients, which were not stored" }),
    results: z
      .array(z.union([stored, refused]))
      .openapi({ description: "A result for each recipient, in the order of the request" }),
  })
  .openapi("BulkOutcome", {
    example: {
      mode: "merge",
      created: 1,
      changed: 0,
      unchanged: 0,
      refused: 1,
      results: [
        { status: "created", id: "rcp_01jd3v8qyee7fr8xmcsnh5hbcd" },
        {
          status: "refused",
          errors: [
            { field: "/email", message: "must be an email address, such as ada@example.org" },
          ],
        },
      ],
    },
  });

const route = defineRoute({
  method: "post",
  path: "/v1/recipients/bulk",
  access: "sender",
  summary: `Create or change up to ${maxRecipients} recipients`,
  description:
    "Each item changes the given fields of the recipient with its `externalId` and keeps the others. Attributes and preferences are merged key by key, and null removes a value. With " +
    "`mode=replace` an item replaces the recipient, as PUT does; preferences are kept if it has none. Valid items are stored, and the response lists the errors of the others.",
  request: {
    headers: idempotencyHeaders,
    query: z.object({ mode: modeParameter }),
    body: jsonContent(bulk),
  },
  responses: responses(200, "The result of each recipient", outcome),
});

type Refused = z.infer<typeof refused>;
type Outcome = z.infer<typeof stored> | Refused;

export function recipientBulkRoutes(services: Services) {
  const { clock, readPolicySnapshot } = services;

  return createRouter().openapi(route, async (c) => {
    const { mode } = c.req.valid("query");
    const schema = createChangeSchema(mode, await readPolicySnapshot());
    const checked = checkRecipients(c.req.valid("json").recipients, schema);
    return withIdempotentTransaction(c, services, 200, async (tx) => {
      const execute = executeIn(tx);
      const { results, unsettled } = await storeRecipients(
        execute,
        checked.filter((item): item is RecipientChange => !("errors" in item)),
        { createdBy: c.get("caller").id, now: clock() },
      );
      const stored = results.values();
      const outcomes = checked.map((item): Outcome => {
        if ("errors" in item) return item;
        const result = stored.next().value!;
        return result.status === "refused"
          ? {
              status: "refused",
              errors: result.faults.map(({ path, message }) => ({
                field: jsonPointer(path),
                message,
              })),
            }
          : { status: result.status, id: publicId("recipient", result.after.id) };
      });
      const count = (status: Outcome["status"]) =>
        outcomes.filter((result) => result.status === status).length;
      const counts = {
        created: count("created"),
        changed: count("changed"),
        unchanged: count("unchanged"),
        refused: count("refused"),
      };
      return {
        body: { mode, ...counts, results: outcomes },
        changes:
          counts.created + counts.changed > 0
            ? [
                { action: "recipient.bulk_upsert", resource: "recipients", after: counts },
                ...addressChanges(results),
              ]
            : [],
        committed: await releaseFor(c, services, execute, unsettled),
      };
    });
  });
}

/** Checks each item: returns its change, or its faults. Of two items with the same external id the second is refused. */
function checkRecipients(
  items: readonly unknown[],
  schema: z.ZodType<RecipientChange>,
): (RecipientChange | Refused)[] {
  const seen = new Set<string>();
  return items.map((item) => {
    const parsed = schema.safeParse(item);
    if (!parsed.success)
      return { status: "refused", errors: fieldFaults(parsed.error, jsonPointer) };
    const { externalId } = parsed.data;
    if (seen.has(externalId))
      return {
        status: "refused",
        errors: [
          {
            field: "/externalId",
            message: "is the same as that of an earlier recipient: send each recipient once",
          },
        ],
      };
    seen.add(externalId);
    return parsed.data;
  });
}
