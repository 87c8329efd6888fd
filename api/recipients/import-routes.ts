import { importBody, importOutcome, importStream } from "../imports/stream.ts";
import { createImportSchema } from "./preferences.ts";
import { releaseFor } from "../deliveries/release.ts";
import { importRecipients } from "./upsert.ts";
import { createRouter, defineRoute, responses } from "../http/router.ts";
import { executeOn } from "../../ledger/sql.ts";
import type { Services } from "../services.ts";

export const recipientImportPath = "/v1/recipients/import";

const importRoute = defineRoute({
  method: "post",
  path: recipientImportPath,
  access: "sender",
  summary: "Create or replace recipients from a stream of any length",
  description:
    "CSV with a header of external_id, email, phone, time_zone, locale and attributes.<name>, or one JSON object a line with externalId beside the fields of " +
    "PUT /v1/recipients/{external id} and, if you like, preferences as PUT /v1/recipients/{recipient}/preferences takes them. A line replaces the recipient as that " +
    "does; preferences that it leaves out stay. Of two lines for one recipient the later wins. Bad lines are reported and good ones kept, also when the stream " +
    "breaks off: repeat it as it is.",
  request: {
    body: importBody({
      csv: "external_id,email,attributes.plan\nada,ada@example.org,pro\n",
      ndjson: '{"externalId":"ada","email":"ada@example.org","attributes":{"plan":"pro"}}\n',
    }),
  },
  responses: responses(200, "What became of the lines", importOutcome),
});

const kind = {
  columns: new Map([
    ["external_id", "externalId"],
    ["email", "email"],
    ["phone", "phone"],
    ["time_zone", "timeZone"],
    ["locale", "locale"],
  ]),
  requiredColumn: "external_id",
  openField: "attributes",
};

export function recipientImportRoutes(services: Services) {
  const { clock, readPolicySnapshot } = services;

  return createRouter().openapi(importRoute, async (c) => {
    const createdBy = c.get("caller").id;
    const outcome = await importStream(c, services, {
      kind: { ...kind, schema: createImportSchema(await readPolicySnapshot()) },
      action: "recipient.import",
      resource: "recipients",
      write: async (client, items) => {
        const last = new Map(items.map((item) => [item.externalId, item]));
        const storing = { createdBy, now: clock() };
        const unsettled = await importRecipients(client, [...last.values()], storing);
        return releaseFor(c, services, executeOn(client), unsettled);
      },
    });
    return c.json(outcome, 200);
  });
}
