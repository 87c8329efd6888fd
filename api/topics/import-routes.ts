import { z } from "@hono/zod-openapi";
import { newUuid } from "../../domain/ids.ts";
import { localeTag, recipientReference } from "../../domain/recipient.ts";
import { instantText } from "../../domain/time/instant.ts";
import { isImportable } from "../../domain/consent.ts";
import { consentSource } from "../../domain/topics.ts";
import { executeOn } from "../../ledger/sql.ts";
import {
  changeSubscriptions,
  lockRecipients,
  readSubscriptions,
  type SubscriptionChange,
} from "../../ledger/topic-subscriptions.ts";
import { text } from "../../domain/text.ts";
import { columnsParameter, type KnownColumns, plainName } from "../imports/columns.ts";
import { importBody, importDescription, importOutcome, importStream } from "../imports/stream.ts";
import { createRouter, defineRoute, responses } from "../http/router.ts";
import type { Services } from "../services.ts";
import { readOpenTopic, topicParams } from "./store.ts";

const line = z.strictObject({
  recipient: text(200),
  consentedAt: instantText.optional(),
  source: consentSource.optional(),
  locale: localeTag.optional(),
});

const importColumns: KnownColumns = {
  columns: new Map([
    ["recipient", "recipient"],
    ["consented_at", "consentedAt"],
    ["source", "source"],
    ["locale", "locale"],
  ]),
  otherNames: new Map([[plainName("external_id"), "recipient"]]),
  requiredColumn: "recipient",
  sideNames: new Set(),
};

const importRoute = defineRoute({
  method: "post",
  path: "/v1/topics/{key}/subscribers/import",
  access: "sender",
  class: "import",
  summary: "Import subscribers whose consent was given elsewhere",
  description:
    "CSV with the header `recipient` (or `external_id`) and optionally `consented_at`, `source` and `locale`, or one JSON object with `recipient`, `consentedAt`, `source` and `locale` on each line. " +
    importDescription +
    "Recipients must exist: import them first with POST /v1/recipients/import. Nobody is asked for confirmation, so import only people who gave their consent. " +
    "Somebody who has unsubscribed stays so, and counts as unchanged. Invalid lines are reported and valid ones stored, also if the stream breaks off.",
  request: {
    params: topicParams,
    query: z.object({ columns: columnsParameter(importColumns).optional() }),
    body: importBody({
      csv: "recipient,consented_at,source\nada,2026-11-02T10:00:00Z,Trade fair\n",
      ndjson: '{"recipient":"ada","consentedAt":"2026-11-02T10:00:00Z","source":"Trade fair"}\n',
    }),
  },
  responses: responses(200, "The result for the lines", importOutcome),
});

export function topicImportRoutes(services: Services) {
  const { pool, clock } = services;

  return createRouter().openapi(importRoute, async (c) => {
    const { key } = c.req.valid("param");
    const topic = await readOpenTopic(executeOn(pool), key);
    const actor = c.get("caller").id;
    const outcome = await importStream(c, services, {
      kind: { ...importColumns, schema: line },
      options: { mapping: c.req.valid("query").columns },
      action: "topic.import",
      resource: key,
      write: async (client, items) => {
        const execute = executeOn(client);
        const now = clock();
        const named = items.map(({ item }) => recipientReference(item.recipient));
        const rows = await lockRecipients(execute, {
          ids: named.flatMap((one) => ("id" in one ? one.id : [])),
          names: named.flatMap((one) => ("id" in one ? [] : one.externalId)),
        });
        const byName = new Map(
          rows.flatMap(({ id, externalId }) => [
            [id, id],
            [externalId, id],
          ]),
        );
        const ids = named.map((one) => byName.get("id" in one ? one.id : one.externalId));
        const known = rows.map(({ id }) => id);
        const subscriptionOf = await readSubscriptions(execute, known, [topic.id]);
        const changes = new Map<string, SubscriptionChange>();
        for (const [place, { item }] of items.entries()) {
          const recipientId = ids[place];
          // Of two lines about the same recipient the first counts.
          if (recipientId === undefined || changes.has(recipientId)) continue;
          if (!isImportable(subscriptionOf(recipientId, topic.id))) continue;
          changes.set(recipientId, {
            id: newUuid(now),
            entryId: newUuid(now),
            topicId: topic.id,
            recipientId,
            status: "subscribed",
            step: "imported",
            way: "import",
            actor,
            source: item.source ?? null,
            locale: item.locale ?? null,
            textVersion: null,
            consentedAt: item.consentedAt ?? null,
          });
        }
        await changeSubscriptions(execute, [...changes.values()], now);
        const refused = items.flatMap(({ line: number }, place) =>
          ids[place] === undefined
            ? [{ line: number, faults: [{ path: ["recipient"], message: noRecipient }] }]
            : [],
        );
        return {
          created: changes.size,
          changed: 0,
          unchanged: items.length - refused.length - changes.size,
          refused,
        };
      },
    });
    return c.json(outcome, 200);
  });
}

const noRecipient = "names no recipient, or one who was erased";
