import { newUuid, publicId } from "../../domain/ids.ts";
import type { TestDatabase } from "./postgres.ts";

/** Adds a webhook endpoint with two requests, without a usable secret. Resolves with its public id. */
export async function addEndpoint(
  { prisma }: Pick<TestDatabase, "prisma">,
  fields: { description: string; disabledReason?: "gone" | "failing" },
): Promise<string> {
  const id = newUuid();
  const isOff = fields.disabledReason !== undefined;
  await prisma.webhookEndpoint.create({
    data: {
      ...fields,
      id,
      url: "https://billing.example.org/hooks/tidings",
      kinds: ["delivery.bounced", "delivery.complained", "delivery.clicked"],
      types: [],
      isEnabled: !isOff,
      secret: Buffer.alloc(40),
      createdBy: "bootstrap",
      createdAt: new Date(),
      lastSuccessAt: new Date(),
      ...(isOff && { failingSince: new Date(), detail: "answered 410" }),
    },
  });
  for (const [index, status] of [204, 503].entries())
    await prisma.webhookAttempt.create({
      data: {
        id: newUuid(new Date(Date.now() - index * 60_000)),
        endpointId: id,
        messageId: `batch_${index}`,
        eventIds: [newUuid()],
        outcome: status === 204 ? "taken" : "unavailable",
        status,
        detail: `answered ${status}`,
        answer: status === 204 ? "" : "<h1>Service unavailable</h1>",
        durationMs: 42,
        createdAt: new Date(Date.now() - index * 60_000),
      },
    });
  return publicId("webhookEndpoint", id);
}
