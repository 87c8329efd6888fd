import { recipientReference } from "../../domain/recipient.ts";
import { createRouter, defineRoute, responses } from "../http/router.ts";
import type { Services } from "../services.ts";
import { erasure, eraseRecipient } from "./erase.ts";
import { recipientParams } from "./store.ts";

const erase = defineRoute({
  method: "delete",
  path: "/v1/recipients/{recipient}",
  access: "admin",
  needsProof: true,
  summary:
    "Erase a recipient: personal data and external id are deleted for good, and pending deliveries are cancelled. Idempotent.",
  description:
    "Email addresses, phone numbers and external ids of the person are also removed from filters, from messages that were sent to others, from stored responses and from the audit trail. A suppressed address " +
    "stays suppressed, as a hash. The response lists the segments, campaigns and routing rules that named the person. A condition on an attribute that only they had, and the data of a campaign that has not ended, " +
    "stay as they are. Change these, then repeat the request with the recipient's `rcp_` id, which also removes the person's data from the audit entries of these changes.",
  request: { params: recipientParams },
  responses: responses(200, "The recipient does not exist any more", erasure),
});

export function erasureRoutes(services: Services) {
  return createRouter().openapi(erase, async (c) => {
    const named = recipientReference(c.req.valid("param").recipient);
    return c.json(await eraseRecipient(c, services, named), 200);
  });
}
