import { z } from "@hono/zod-openapi";
import { publicId } from "../../domain/ids.ts";
import { recipientReference } from "../../domain/recipient.ts";
import { erasePerson } from "../../ledger/erasure.ts";
import { executeIn } from "../../ledger/sql.ts";
import { wakeFor } from "../deliveries/changes.ts";
import { withAuditedTransaction, type Work } from "../http/idempotency.ts";
import { exampleIdOf } from "../http/path-ids.ts";
import { createRouter, defineRoute, responses } from "../http/router.ts";
import type { Services } from "../services.ts";
import { recipientParams } from "./store.ts";

const erasure = z
  .object({
    recipient: z
      .string()
      .nullable()
      .openapi({
        description:
          "Who was erased, now or before: keep it, so that they can be erased again after a backup is restored. Null where there is no such recipient",
        example: exampleIdOf("recipient"),
      }),
    segments: z.array(z.string()).openapi({
      description: "Keys of segments that named the person: look whether they are still as meant",
      example: ["vip-customers"],
    }),
    campaigns: z.array(z.string()).openapi({
      description: "Campaigns that named the person, in audience, name or data",
      example: [exampleIdOf("campaign")],
    }),
  })
  .openapi("Erasure");

const erase = defineRoute({
  method: "delete",
  path: "/v1/recipients/{recipient}",
  access: "admin",
  summary:
    "Erase a recipient: personal data and external id are gone for good, and what is still pending is cancelled. Idempotent.",
  description:
    "Addresses, numbers and external ids are also taken out of filters, of messages that were sent to others too, of kept answers and of the audit trail; a suppressed address " +
    "stays suppressed, as a hash. The answer names the segments and campaigns that named the person. A condition on an attribute that only they had, and data of a campaign that is not over, " +
    "stay as they are: change them, then repeat the request with the recipient's rcp_ id, which empties what the audit trail holds of them.",
  request: { params: recipientParams },
  responses: responses(200, "There is no such recipient any more", erasure),
});

/** How long an erasure may take: it looks through all that operators wrote. */
const timeoutMs = 60_000;

export function erasureRoutes(services: Services) {
  const { clock, wakes } = services;

  return createRouter().openapi(erase, async (c) => {
    const named = recipientReference(c.req.valid("param").recipient);
    const answer = await withAuditedTransaction(
      c,
      services,
      async (tx): Promise<Work<z.output<typeof erasure>>> => {
        const erased = await erasePerson(executeIn(tx), named, clock());
        if (erased === null)
          return { body: { recipient: null, segments: [], campaigns: [] }, changes: [] };
        const { id, again, segments, campaigns, ended } = erased;
        const recipient = publicId("recipient", id);
        return {
          body: { recipient, segments, campaigns },
          changes: again
            ? []
            : [
                {
                  action: "recipient.erase",
                  resource: recipient,
                  ...(segments.length + campaigns.length > 0 && { after: { segments, campaigns } }),
                },
              ],
          committed: () => wakeFor(ended, wakes, c.get("requestId")),
        };
      },
      { timeoutMs },
    );
    return c.json(answer, 200);
  });
}
