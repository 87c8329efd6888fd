import { z } from "@hono/zod-openapi";
import { idOf, readLinkHolder } from "../../ledger/recipient-actions.ts";
import { recordReceipt } from "../../ledger/receipts.ts";
import { executeOn } from "../../ledger/sql.ts";
import { inTransaction } from "../../ledger/transaction.ts";
import { Problem } from "../http/problem.ts";
import { createRouter, defineRoute, jsonContent, problemResponse } from "../http/router.ts";
import { createUseLimit } from "../http/use-limit.ts";
import type { Services } from "../services.ts";

/** How often the devices of a recipient may report about one message in a minute. */
const maxUses = 120;

const receive = defineRoute({
  method: "post",
  path: "/r/{token}",
  access: "public",
  crossOrigin: true,
  summary: "Report what became of a push notification on a device",
  description:
    "The service worker of Tidings sends it. `shown` and `closed` mean that the recipient has seen the message, and `clicked` that they have read it; the delivery is `delivered`. " +
    "The token authorises the request. Repeating the request has no second effect.",
  request: {
    params: z.object({
      token: z
        .string()
        .max(2_000)
        .regex(/^[A-Za-z0-9_.-]+$/, "is not the token of a receipt")
        .openapi({
          description: "The token: the last part of `receipt` in the data of the notification",
          example:
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJkbHZfMDFqZDN2OHF5ZWU3ZnI4eG1jc25oNWhiY2QifQ.c2lnbmF0dXJl",
        }),
    }),
    body: jsonContent(
      z.strictObject({
        event: z.enum(["shown", "clicked", "closed"]).openapi({ example: "shown" }),
      }),
    ),
  },
  responses: { 204: { description: "The report is recorded" }, ...problemResponse },
});

/** The route for the reports of devices. They use the connections that are reserved for requests without a key. */
export function receiptRoutes({ tokens, clock, publicPool }: Services) {
  const limitUses = createUseLimit();

  return createRouter().openapi(receive, async (c) => {
    const verified = await tokens.verifyReceiptToken(c.req.valid("param").token, clock());
    if ("fault" in verified)
      throw verified.fault === "expired"
        ? new Problem("expired", "This receipt has expired.")
        : new Problem("not-found", "This receipt does not exist.");
    const { target, epoch } = verified.claims;
    limitUses([{ key: idOf(target), max: maxUses }]);
    const { event } = c.req.valid("json");
    await inTransaction(publicPool, async (client) => {
      const execute = executeOn(client);
      const holder = await readLinkHolder(execute, target);
      if (holder !== null && holder.epoch !== epoch)
        throw new Problem("expired", "This receipt was revoked.");
      const level = event === "clicked" ? "read" : "seen";
      if (holder === null || !(await recordReceipt(execute, target, level)))
        throw new Problem("expired", "The message of this receipt is no longer stored.");
    });
    return c.body(null, 204);
  });
}
