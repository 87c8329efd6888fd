import { z } from "@hono/zod-openapi";
import { columnsParameter, typesParameter } from "../imports/columns.ts";
import { importBody, importDescription, importOutcome, importStream } from "../imports/stream.ts";
import { releaseFor } from "../deliveries/release.ts";
import { createRouter, defineRoute, responses } from "../http/router.ts";
import { executeOn } from "../../ledger/sql.ts";
import type { Services } from "../services.ts";
import { addressChanges } from "./address-changes.ts";
import { importColumns } from "./import-columns.ts";
import { createChangeSchema, modeParameter, writeModes } from "./write-mode.ts";
import { storeRecipients } from "./upsert.ts";

const recipientImportPath = "/v1/recipients/import";

const importRoute = defineRoute({
  method: "post",
  path: recipientImportPath,
  access: "sender",
  class: "import",
  summary: "Create or change recipients from a stream of any length",
  description:
    "CSV with the header `external_id` and optionally `email`, `phone`, `time_zone`, `locale` and `attributes.<name>`, or one JSON object on each line with `externalId`, the fields of " +
    "PUT /v1/recipients/{recipient} and optionally `preferences`. " +
    importDescription +
    "A line changes the given fields and keeps the others. Attributes and preferences are merged key by key, and in NDJSON null removes a value. With `mode=replace` a line replaces " +
    "the recipient, as PUT does; preferences are kept if it has none. Two lines for the same recipient are applied one after the other. Invalid lines are reported and valid ones " +
    "stored, also if the stream breaks off. In that case send the whole import again.",
  request: {
    query: z.object({
      mode: modeParameter,
      columns: columnsParameter(importColumns).optional(),
      types: typesParameter(importColumns.openField).optional(),
    }),
    body: importBody({
      csv: "external_id,email,attributes.plan\nada,ada@example.org,pro\n",
      ndjson: '{"externalId":"ada","email":"ada@example.org","attributes":{"plan":"pro"}}\n',
    }),
  },
  responses: responses(
    200,
    "The result of the lines",
    importOutcome
      .extend({
        mode: z.enum(writeModes).openapi({
          description:
            "Whether recipients were merged with their lines, or replaced by them, as the parameter says",
          example: "merge",
        }),
      })
      .openapi("RecipientImportOutcome"),
  ),
});

export function recipientImportRoutes(services: Services) {
  const { clock, readPolicySnapshot } = services;

  return createRouter().openapi(importRoute, async (c) => {
    const { mode, columns: mapping, types } = c.req.valid("query");
    const createdBy = c.get("caller").id;
    const outcome = await importStream(c, services, {
      kind: { ...importColumns, schema: createChangeSchema(mode, await readPolicySnapshot()) },
      options: { mapping, types },
      action: "recipient.import",
      resource: "recipients",
      write: async (client, items) => {
        const execute = executeOn(client);
        const changes = items.map(({ item }) => item);
        const { results, unsettled } = await storeRecipients(execute, changes, {
          createdBy,
          now: clock(),
        });
        const count = (status: string) =>
          results.filter((result) => result.status === status).length;
        return {
          created: count("created"),
          changed: count("changed"),
          unchanged: count("unchanged"),
          refused: results.flatMap((result, index) =>
            result.status === "refused"
              ? [{ line: items[index]!.line, faults: result.faults }]
              : [],
          ),
          changes: addressChanges(results),
          committed: await releaseFor(c, services, execute, unsettled),
        };
      },
    });
    return c.json({ mode, ...outcome }, 200);
  });
}
