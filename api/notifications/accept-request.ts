import type { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { NewNotification } from "../../domain/notification.ts";
import { auditedAddress } from "../http/audit.ts";
import type { ApiEnv } from "../http/context.ts";
import { resolveAttachments } from "../attachments/store.ts";
import { answerWith, readKeyedRequest } from "../http/idempotency.ts";
import type { FieldError } from "../http/problem.ts";
import type { Services } from "../services.ts";
import { acceptNotification } from "./accept.ts";
import type { AcceptTogether } from "./accept-together.ts";
import { createAcceptWhole, type Parts } from "./accept-whole.ts";
import type { acceptedNotification } from "./schemas.ts";

/** Accepts the notification of a request, wakes the queues of its deliveries after the commit, and answers the request. */
export async function acceptInRequest(
  c: Context<ApiEnv>,
  services: Services,
  notification: NewNotification,
  { test }: { test: boolean },
) {
  const { wakes } = services;
  const requestId = c.get("requestId");
  const caller = c.get("caller");
  const { parts, errors } = await readParts(services, notification, caller.id);
  const { queues, ...answer } = await acceptNotification(
    acceptanceOf(
      services,
      parts === null ? services.acceptTogether : createAcceptWhole(c, services, parts),
    ),
    parts !== null && parts.attachmentIds.length + parts.copies.length > 0
      ? { ...notification, batchable: false }
      : notification,
    { caller, requestId, address: auditedAddress(c), test, errors },
    readKeyedRequest(c),
  );
  for (const queue of queues) wakes.queue(queue, { requestId });
  return answerWith<z.output<typeof acceptedNotification>, 202>(c, answer);
}

/** What accepting a notification needs, with the way in which it is written. */
export const acceptanceOf = (
  services: Omit<Services, "alerts">,
  accept: AcceptTogether,
): Parameters<typeof acceptNotification>[0] => ({
  accept,
  inTurn: services.keyTurns,
  admission: services.admission,
  versions: services.templateVersions,
  contents: services.inlineContents,
  types: services.notificationTypes,
  routes: services.routes,
  execute: services.lookUp,
  now: services.clock(),
});

/** Reads what a notification writes besides itself and its deliveries, which is null for most, and stores its new attachments. */
async function readParts(
  services: Services,
  { recipients, attachments = [], cc = [], bcc = [] }: NewNotification,
  createdBy: string,
): Promise<{ parts: Parts | null; errors: readonly FieldError[] }> {
  const placed = recipients.flatMap((recipient, place) =>
    typeof recipient === "string" ? [] : [{ place, recipient }],
  );
  if (placed.length + attachments.length + cc.length + bcc.length === 0)
    return { parts: null, errors: [] };
  const { ids, errors } =
    attachments.length === 0
      ? { ids: [], errors: [] }
      : await resolveAttachments(services, attachments, createdBy);
  const copies = [
    ...cc.map((address) => ({ kind: "cc" as const, address })),
    ...bcc.map((address) => ({ kind: "bcc" as const, address })),
  ];
  return { parts: { recipients: placed, attachmentIds: ids, copies }, errors };
}
