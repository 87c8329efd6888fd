import { publicId } from "../../domain/ids.ts";
import { recipientReference } from "../../domain/recipient.ts";
import { createGatherer } from "../../lib/gathering.ts";
import { withAuditedTransaction } from "../http/idempotency.ts";
import { createRouter, defineRoute, problemResponse } from "../http/router.ts";
import type { Services } from "../services.ts";
import { lockRecipient, recipientParams, refuseAbsent } from "./store.ts";

const revoke = defineRoute({
  method: "post",
  path: "/v1/recipients/{recipient}/revoke-links",
  access: "sender",
  summary: "Revoke the links and tokens of a recipient",
  description:
    "The links in all messages sent to the recipient so far, and all their preference tokens, become invalid. Later messages and tokens are valid. " +
    "Use this if somebody else has got a message or a token of the recipient.",
  request: { params: recipientParams },
  responses: { 204: { description: "The links and tokens are revoked" }, ...problemResponse },
});

export function recipientLinkRoutes(services: Services) {
  return createRouter().openapi(revoke, async (c) => {
    const named = recipientReference(c.req.valid("param").recipient);
    await withAuditedTransaction(c, services, async (tx) => {
      const row = await lockRecipient(tx, named);
      refuseAbsent(row);
      await tx.$executeRaw`UPDATE recipients SET links_epoch = links_epoch + 1 WHERE id = ${row.id}::uuid`;
      return {
        body: null,
        changes: [{ action: "recipient.revoke_links", resource: publicId("recipient", row.id) }],
      };
    });
    return c.body(null, 204);
  });
}

/** Recipients that one statement looks up. Only one such statement runs at a time, because anybody with a token may send any number of requests. */
const lookupBatchSize = 500;

const epochsSql = {
  name: "find-links-epochs",
  text: `SELECT id, links_epoch AS epoch FROM recipients WHERE id = ANY($1::uuid[])`,
};

/** Makes a function that reads the epoch that tokens of a recipient, a UUID, must have; null if there is no such recipient. */
export function createEpochReader({ lookupPool }: Pick<Services, "lookupPool">) {
  const readEpochs = async (ids: readonly string[]) => {
    const values = [[...new Set(ids)]];
    const { rows } = await lookupPool.query<{ id: string; epoch: number }>({
      ...epochsSql,
      values,
    });
    const found = new Map(rows.map(({ id, epoch }) => [id, epoch]));
    return ids.map((id) => found.get(id) ?? null);
  };
  return createGatherer<string, number | null>({
    doTogether: readEpochs,
    doApart: async (id) => (await readEpochs([id]))[0]!,
    isOneItemsFault: () => false,
    most: lookupBatchSize,
    atOnce: 1,
  });
}
