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
    "CSV with a header of external_id, email, phone, time_zone, locale and attributes.<name>, or one JSON object a line with externalId beside the fields of " +
    "PUT /v1/recipients/{external id} and, if you like, preferences. " +
    importDescription +
    "A line changes what it names and keeps the rest: attributes and preferences are merged key by key, and in NDJSON null takes a value back. With mode=replace it replaces " +
    "the recipient, as PUT does; only preferences that it leaves out stay. Two lines for one recipient are taken one after the other. Bad lines are reported and good ones " +
    "kept, also when the stream breaks off: repeat it as it is.",
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
    "What became of the lines",
    importOutcome
      .extend({
        mode: z.enum(writeModes).openapi({
          description: "Whether lines changed what they name, or replaced all of it",
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
        const count = (status: string) => results.filter((one) => one.status === status).length;
        return {
          created: count("created"),
          changed: count("changed"),
          unchanged: count("unchanged"),
          refused: results.flatMap((one, place) =>
            one.status === "refused" ? [{ line: items[place]!.line, faults: one.faults }] : [],
          ),
          changes: addressChanges(results),
          committed: await releaseFor(c, services, execute, unsettled),
        };
      },
    });
    return c.json({ mode, ...outcome }, 200);
  });
}
