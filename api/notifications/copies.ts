import { z } from "@hono/zod-openapi";
import { copyKinds, type CopyKind, copyStatuses, type CopyStatus } from "../../domain/copies.ts";
import type { NotificationCopy } from "../../prisma/generated/client.ts";

/** The status of a copy in an answer. `not_sent`: the deliveries have ended without an email. */
const shownStatuses = [...copyStatuses, "not_sent"] as const;
type ShownStatus = (typeof shownStatuses)[number];

/** The copies of a notification, as the API shows them. */
export const copiesAnswer = z
  .object({
    total: z.number().int().openapi({
      description: "The number of addresses, which is the sum of the counts",
      example: 1,
    }),
    counts: z.object(
      Object.fromEntries(shownStatuses.map((status) => [status, z.number().int()])) as Record<
        ShownStatus,
        z.ZodNumber
      >,
    ),
    items: z.array(
      z.object({
        kind: z.enum(copyKinds),
        address: z.string().nullable().openapi({
          description: "Null once a recipient to whom the address belonged was erased",
          example: "team@example.org",
        }),
        status: z.enum(shownStatuses).openapi({
          description:
            "`pending` until the email is sent; then `sent`, `refused` by the provider, `suppressed` because nothing may be sent to the address, or `unknown` if the provider did not answer. `not_sent` if the deliveries ended without an email",
        }),
        detail: z.string().nullable().openapi({
          description: "The provider's answer to a refused address, or why it is suppressed",
          example: null,
        }),
        decidedAt: z.iso.datetime().nullable(),
      }),
    ),
  })
  .openapi("Copies", {
    example: {
      total: 1,
      counts: { pending: 0, sent: 1, refused: 0, suppressed: 0, unknown: 0, not_sent: 0 },
      items: [
        {
          kind: "cc",
          address: "team@example.org",
          status: "sent",
          detail: null,
          decidedAt: "2027-03-01T09:00:02.120Z",
        },
      ],
    },
  });

/** Makes the account of copies. `isOpen` says whether a delivery has not ended yet, so that pending copies may still be sent. */
export function copiesJson(
  rows: readonly NotificationCopy[],
  isOpen: boolean,
): z.output<typeof copiesAnswer> {
  const items = rows.map(({ kind, address, status, detail, decidedAt }) => ({
    kind: kind as CopyKind,
    address,
    status: status === "pending" && !isOpen ? ("not_sent" as const) : (status as CopyStatus),
    detail,
    decidedAt: decidedAt?.toISOString() ?? null,
  }));
  const counts = Object.fromEntries(shownStatuses.map((status) => [status, 0])) as Record<
    ShownStatus,
    number
  >;
  for (const { status } of items) counts[status] += 1;
  return { total: items.length, counts, items };
}
