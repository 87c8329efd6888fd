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
  summary: "Call back the links and tokens that a recipient holds",
  description:
    "The links in all messages that they were sent, and their preference tokens, are void from now on; messages and tokens that are made afterwards are good. " +
    "Use it when a message or a token got into other hands.",
  request: { params: recipientParams },
  responses: { 204: { description: "They are void" }, ...problemResponse },
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

/** Recipients that are looked up by one statement, of which there is one under way at most: whoever holds a token may ask as often as they like. */
const lookedUpTogether = 500;

const epochsSql = {
  name: "find-links-epochs",
  text: `SELECT id, links_epoch AS epoch FROM recipients WHERE id = ANY($1::uuid[])`,
};

/** Reads what tokens of a recipient, a UUID, have to bear; null where there is no such recipient. */
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
    most: lookedUpTogether,
    atOnce: 1,
  });
}
