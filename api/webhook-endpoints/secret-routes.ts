import { hourMs } from "../../domain/time/durations.ts";
import { secretOverlapHours } from "../../domain/webhook-endpoint.ts";
import { executeIn } from "../../ledger/sql.ts";
import { withAuditedTransaction } from "../http/idempotency.ts";
import { idParams, readPathId, throwNotFound } from "../http/path-ids.ts";
import { Problem } from "../http/problem.ts";
import { createRouter, defineRoute, responses } from "../http/router.ts";
import type { Services } from "../services.ts";
import { newSecret, sealAsPrevious, sealSecret } from "./secrets.ts";
import { endpointJson, endpointWithSecret, lockEndpoint } from "./store.ts";

const rotate = defineRoute({
  method: "post",
  path: "/v1/webhook-endpoints/{id}/rotate",
  access: "admin",
  needsProof: true,
  summary: "Rotate the secret of a webhook endpoint",
  description: `For ${secretOverlapHours} hours requests are signed with both secrets, so that the receiver can change over in that time. A secret that was rotated before stops signing at once.`,
  request: { params: idParams("webhookEndpoint") },
  responses: responses(200, "The endpoint with its new secret", endpointWithSecret),
});

/** The route that gives a webhook endpoint another secret. */
export function webhookSecretRoutes(services: Services) {
  const { prisma, clock, sealer } = services;
  return createRouter().openapi(rotate, async (c) => {
    const id = readPathId("webhookEndpoint", c.req.valid("param").id);
    const secret = newSecret();
    const found = await prisma.webhookEndpoint.findUnique({ where: { id } });
    if (!found) throwNotFound("webhookEndpoint");
    const sealed = await sealSecret(sealer, id, secret);
    const previousSecret = await sealAsPrevious(sealer, id, found.secret);
    const body = await withAuditedTransaction(c, services, async (tx) => {
      const before = await lockEndpoint(tx, id);
      if (!Buffer.from(before.secret).equals(found.secret))
        throw new Problem(
          "conflict",
          "The secret was changed by another request. Rotate it again if it is still needed.",
        );
      const now = clock();
      const previousUntil = new Date(now.getTime() + secretOverlapHours * hourMs);
      const row = await tx.webhookEndpoint.update({
        where: { id },
        data: { secret: sealed, previousSecret, previousUntil },
      });
      const rotated = await endpointJson(executeIn(tx), row, now);
      const after = { previousSecretUntil: rotated.previousSecretUntil };
      return {
        body: rotated,
        changes: [{ action: "webhook_endpoint.rotate", resource: rotated.id, after }],
      };
    });
    return c.json({ ...body, secret }, 200);
  });
}
