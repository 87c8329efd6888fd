import { publicId } from "../../domain/ids.ts";
import { recipientReference } from "../../domain/recipient.ts";
import { withAuditedTransaction } from "../http/idempotency.ts";
import { createRouter, defineRoute, responses } from "../http/router.ts";
import type { Services } from "../services.ts";
import { readRecipient, recipientAnswer, recipientParams, unmaskedRecipientJson } from "./store.ts";

const reveal = defineRoute({
  method: "post",
  path: "/v1/recipients/{recipient}/reveal",
  access: "sender",
  summary: "Get a recipient with their addresses in full",
  description:
    "For the console, where addresses are masked in every other answer. The audit trail records each request.",
  request: { params: recipientParams },
  responses: responses(200, "The recipient, with nothing masked", recipientAnswer),
});

/** The route that shows people in the console the addresses of one recipient. */
export function recipientRevealRoutes(services: Services) {
  return createRouter().openapi(reveal, async (c) => {
    const named = recipientReference(c.req.valid("param").recipient);
    const revealed = await withAuditedTransaction(c, services, async (tx) => {
      const row = await readRecipient(tx, named);
      return {
        body: unmaskedRecipientJson(row),
        changes: [
          {
            action: "recipient.reveal",
            resource: publicId("recipient", row.id),
            after: { fields: ["externalId", "email", "phone", "attributes"] },
          },
        ],
      };
    });
    return c.json(revealed, 200);
  });
}
