import { newUuid } from "../../domain/ids.ts";
import type { DeliveryStatus } from "../../domain/delivery/status.ts";
import type { TestDatabase } from "./postgres.ts";

/** Inserts ended deliveries to a recipient on the channel push, as a worker leaves them, and resolves with their UUIDs. */
export async function insertPushDeliveries(
  { prisma }: Pick<TestDatabase, "prisma">,
  recipientId: string,
  {
    statuses = ["sent"],
    groupId = null,
  }: { statuses?: readonly DeliveryStatus[]; groupId?: string | null } = {},
): Promise<string[]> {
  const ids = statuses.map(() => newUuid());
  const notificationIds = statuses.map(() => newUuid());
  if (groupId !== null)
    await prisma.$executeRaw`
      INSERT INTO groups (id, kind, recipient_id, channel, priority, status, member_count, closes_at)
      VALUES (${groupId}::uuid, 'batch', ${recipientId}::uuid, 'push', 'normal', 'closed', ${statuses.length}, now())`;
  const version = await prisma.templateVersion.findFirstOrThrow();
  await prisma.notification.createMany({
    data: notificationIds.map((id) => ({
      id,
      templateVersionId: version.id,
      priority: "normal" as const,
      data: {},
      createdBy: "test",
      sendAt: new Date(),
    })),
  });
  await prisma.endedDelivery.createMany({
    data: ids.map((id, n) => ({
      id,
      notificationId: notificationIds[n]!,
      recipientId,
      channel: "push" as const,
      priority: "normal" as const,
      queue: "mailbox/0",
      status: statuses[n]!,
      reason: ["sent", "delivered"].includes(statuses[n]!) ? null : "as_inserted",
      attemptCount: 1,
      groupId,
      finishedAt: new Date(),
    })),
  });
  return ids;
}
