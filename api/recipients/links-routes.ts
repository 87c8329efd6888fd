import { publicId } from "../../domain/ids.ts";
import { recipientReference } from "../../domain/recipient.ts";
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

/** Reads what tokens of a recipient, a UUID, have to bear; null where there is no such recipient. */
export const createEpochReader =
  ({ prisma }: Pick<Services, "prisma">) =>
  async (id: string): Promise<number | null> =>
    (await prisma.recipient.findUnique({ where: { id }, select: { linksEpoch: true } }))
      ?.linksEpoch ?? null;
