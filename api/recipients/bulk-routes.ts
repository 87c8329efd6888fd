import { z } from "@hono/zod-openapi";
import type { Rulebook } from "../../ledger/rulebook.ts";
import { publicId } from "../../domain/ids.ts";
import type { ImportedRecipient } from "../../domain/recipient.ts";
import { withIdempotentTransaction, idempotencyHeaders } from "../http/idempotency.ts";
import { createImportSchema } from "./preferences.ts";
import { jsonPointer } from "../http/problem.ts";
import { releaseFor } from "../deliveries/release.ts";
import { upsertRecipients } from "./upsert.ts";
import { createRouter, defineRoute, jsonContent, responses } from "../http/router.ts";
import { executeIn } from "../../ledger/sql.ts";
import { fieldFaults } from "../http/validation.ts";
import type { Services } from "../services.ts";

const maxRecipients = 1_000;

const bulk = z.strictObject({
  recipients: z
    .array(z.looseObject({}))
    .min(1, "must hold at least one recipient")
    .max(maxRecipients, `must hold at most ${maxRecipients} recipients: import more as a stream`)
    .openapi({
      description:
        "externalId beside the fields of PUT /v1/recipients/{recipient}, and preferences, which stay where they are left out",
      example: [
        { externalId: "ada", email: "ada@example.org", attributes: { plan: "pro" } },
        { externalId: "bob", email: "bob@example.org" },
      ],
    }),
});

// Without external ids: an answer is kept under its Idempotency-Key, and what is erased must be gone from there as well.
const stored = z.object({
  status: z.enum(["created", "replaced"]),
  id: z.string().openapi({ example: "rcp_01jd3v8qyee7fr8xmcsnh5hbcd" }),
});
const refused = z.object({
  status: z.literal("refused"),
  errors: z.array(
    z.object({
      field: z.string().openapi({ description: "A JSON pointer into the recipient" }),
      message: z.string(),
    }),
  ),
});

const outcome = z
  .object({
    created: z.number().int(),
    replaced: z.number().int(),
    refused: z.number().int(),
    results: z
      .array(z.union([stored, refused]))
      .openapi({ description: "One for each recipient, in the order of the request" }),
  })
  .openapi("BulkOutcome", {
    example: {
      created: 1,
      replaced: 0,
      refused: 1,
      results: [
        { status: "created", id: "rcp_01jd3v8qyee7fr8xmcsnh5hbcd" },
        {
          status: "refused",
          errors: [
            { field: "/email", message: "must be an e-mail address, such as ada@example.org" },
          ],
        },
      ],
    },
  });

const route = defineRoute({
  method: "post",
  path: "/v1/recipients/bulk",
  access: "sender",
  summary: `Create or replace up to ${maxRecipients} recipients`,
  description:
    "Each replaces the recipient of its external id, as PUT does. Good ones are stored, and bad ones are named in the answer.",
  request: { headers: idempotencyHeaders, body: jsonContent(bulk) },
  responses: responses(200, "What became of each", outcome),
});

type Refused = z.infer<typeof refused>;

export function recipientBulkRoutes(services: Services) {
  const { clock, readPolicySnapshot } = services;

  return createRouter().openapi(route, async (c) => {
    const checked = checkRecipients(c.req.valid("json").recipients, await readPolicySnapshot());
    const good = checked.filter((item): item is ImportedRecipient => !("errors" in item));
    return withIdempotentTransaction(c, services, 200, async (tx) => {
      const storing = { createdBy: c.get("caller").id, now: clock() };
      const rows = good.length === 0 ? [] : await upsertRecipients(tx, good, storing);
      const unsettled = rows.filter((row) => row.unsettled).map(({ id }) => id);
      const byExternalId = new Map(rows.map((row) => [row.externalId!, row]));
      const created = rows.filter((row) => row.created).length;
      const counts = {
        created,
        replaced: rows.length - created,
        refused: checked.length - rows.length,
      };
      return {
        body: {
          ...counts,
          results: checked.map((item): z.infer<typeof stored> | Refused => {
            if ("errors" in item) return item;
            const row = byExternalId.get(item.externalId)!;
            return {
              status: row.created ? "created" : "replaced",
              id: publicId("recipient", row.id),
            };
          }),
        },
        changes:
          rows.length > 0
            ? [{ action: "recipient.bulk_upsert", resource: "recipients", after: counts }]
            : [],
        committed: await releaseFor(c, services, executeIn(tx), unsettled),
      };
    });
  });
}

/** Each recipient as it is to be stored, or what is wrong with it; of two for one external id the first is stored. */
function checkRecipients(
  items: readonly unknown[],
  rulebook: Rulebook,
): (ImportedRecipient | Refused)[] {
  const seen = new Set<string>();
  const schema = createImportSchema(rulebook);
  return items.map((item) => {
    const parsed = schema.safeParse(item);
    if (!parsed.success)
      return { status: "refused", errors: fieldFaults(parsed.error, jsonPointer) };
    const { externalId } = parsed.data;
    if (seen.has(externalId))
      return {
        status: "refused",
        errors: [{ field: "/externalId", message: "is that of a recipient before it" }],
      };
    seen.add(externalId);
    return parsed.data;
  });
}
