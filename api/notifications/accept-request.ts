import type { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { NewNotification } from "../../domain/notification.ts";
import { auditedAddress } from "../http/audit.ts";
import type { ApiEnv } from "../http/context.ts";
import { answerWith, readKeyedRequest } from "../http/idempotency.ts";
import type { Services } from "../services.ts";
import { acceptNotification } from "./accept.ts";
import { createAcceptWithRecipients } from "./accept-with-recipients.ts";
import type { acceptedNotification } from "./schemas.ts";

/** Accepts the notification of a request, wakes the queues of its deliveries after the commit, and answers the request. */
export async function acceptInRequest(
  c: Context<ApiEnv>,
  services: Services,
  notification: NewNotification,
  { test }: { test: boolean },
) {
  const { wakes, clock } = services;
  const requestId = c.get("requestId");
  const placed = notification.recipients.flatMap((recipient, place) =>
    typeof recipient === "string" ? [] : [{ place, recipient }],
  );
  const { queues, ...answer } = await acceptNotification(
    {
      accept:
        placed.length === 0
          ? services.acceptTogether
          : createAcceptWithRecipients(c, services, placed),
      inTurn: services.keyTurns,
      admission: services.admission,
      versions: services.templateVersions,
      contents: services.inlineContents,
      types: services.notificationTypes,
      routes: services.routes,
      execute: services.lookUp,
      now: clock(),
    },
    notification,
    { caller: c.get("caller"), requestId, address: auditedAddress(c), test },
    readKeyedRequest(c),
  );
  for (const queue of queues) wakes.queue(queue, { requestId });
  return answerWith<z.output<typeof acceptedNotification>, 202>(c, answer);
}
