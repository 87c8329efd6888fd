import { z } from "@hono/zod-openapi";
import { publicId } from "../../domain/ids.ts";
import { recipientReference } from "../../domain/recipient.ts";
import { erasePerson } from "../../ledger/erasure.ts";
import { executeIn } from "../../ledger/sql.ts";
import { wakeFor } from "../deliveries/changes.ts";
import { announceChange } from "../inbox/announce.ts";
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
          "The id of the erased recipient, also if they were erased before. Keep it, so that you can erase them again after restoring a backup. Null if there is no such recipient",
        example: exampleIdOf("recipient"),
      }),
    segments: z.array(z.string()).openapi({
      description:
        "Keys of segments whose filter named the person. Check whether they still match the intended recipients",
      example: ["vip-customers"],
    }),
    campaigns: z.array(z.string()).openapi({
      description: "Ids of campaigns that named the person in their audience, name or data",
      example: [exampleIdOf("campaign")],
    }),
    routingRules: z.array(z.string()).openapi({
      description: "Keys of routing rules that named the person in their condition or name",
      example: ["vip-by-sms"],
    }),
  })
  .openapi("Erasure");

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

const namedNowhere = { segments: [], campaigns: [], routingRules: [] };

/** How long an erasure may take. It searches everything that operators have written. */
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
        if (erased === null) return { body: { recipient: null, ...namedNowhere }, changes: [] };
        const { id, again, segments, campaigns, routingRules, ended } = erased;
        const naming = { segments, campaigns, routingRules };
        const recipient = publicId("recipient", id);
        return {
          body: { recipient, ...naming },
          changes: again
            ? []
            : [
                {
                  action: "recipient.erase",
                  resource: recipient,
                  ...(Object.values(naming).some((names) => names.length > 0) && { after: naming }),
                },
              ],
          committed: () => {
            wakeFor(ended, wakes, c.get("requestId"));
            announceChange(services, { recipientId: id, change: { access: "check" } });
          },
        };
      },
      { timeoutMs },
    );
    return c.json(answer, 200);
  });
}
