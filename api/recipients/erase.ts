import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { publicId } from "../../domain/ids.ts";
import { erasePerson } from "../../ledger/erasure.ts";
import { executeIn } from "../../ledger/sql.ts";
import { wakeFor } from "../deliveries/changes.ts";
import type { ApiEnv } from "../http/context.ts";
import { withAuditedTransaction, type Work } from "../http/idempotency.ts";
import { exampleIdOf } from "../http/path-ids.ts";
import { announceChange } from "../inbox/announce.ts";
import type { Services } from "../services.ts";
import type { RecipientName } from "./store.ts";

export const erasure = z
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

const namedNowhere = { segments: [], campaigns: [], routingRules: [] };

/** How long an erasure may take. It searches everything that operators have written. */
const timeoutMs = 60_000;

/** Erases a recipient, and resolves with what named them. */
export function eraseRecipient(
  c: Context<ApiEnv>,
  services: Services,
  named: RecipientName,
): Promise<z.output<typeof erasure>> {
  const { clock, wakes } = services;
  return withAuditedTransaction(
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
}
