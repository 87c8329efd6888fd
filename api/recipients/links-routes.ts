import { publicId } from "../../domain/ids.ts";
import { recipientReference } from "../../domain/recipient.ts";
import { createGatherer } from "../../lib/gathering.ts";
import { announceChange } from "../inbox/announce.ts";
import { withAuditedTransaction } from "../http/idempotency.ts";
import { createRouter, defineRoute, problemResponse } from "../http/router.ts";
import type { TokenHolder } from "../http/auth.ts";
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
        committed: () =>
          announceChange(services, { recipientId: row.id, change: { access: "check" } }),
      };
    });
    return c.body(null, 204);
  });
}

/** Recipients that one statement looks up. Only one such statement runs at a time, because anybody with a token may send any number of requests. */
const lookupBatchSize = 500;

const holdersSql = {
  name: "find-token-holders",
  text: `SELECT id, links_epoch AS epoch, erased_at IS NOT NULL AS "isErased" FROM recipients WHERE id = ANY($1::uuid[])`,
};

/** Makes a function that reads what the tokens of a recipient, a UUID, must agree with; null if there is no such recipient. */
export function createHolderReader({ lookupPool }: Pick<Services, "lookupPool">) {
  const readHolders = async (ids: readonly string[]) => {
    const values = [[...new Set(ids)]];
    const { rows } = await lookupPool.query<TokenHolder & { id: string }>({
      ...holdersSql,
      values,
    });
    const found = new Map(rows.map((row) => [row.id, row]));
    return ids.map((id) => found.get(id) ?? null);
  };
  return createGatherer<string, TokenHolder | null>({
    doTogether: readHolders,
    doApart: async (id) => (await readHolders([id]))[0]!,
    isOneItemsFault: () => false,
    most: lookupBatchSize,
    atOnce: 1,
  });
}
