import { z } from "@hono/zod-openapi";
import { defineStatement, type Execute } from "../../ledger/sql.ts";

const instantOf = (description: string, example: string | null = null) =>
  z.iso.datetime().nullable().openapi({ description, example });

/** What is known of the way of a message after it was handed over, as the API shows it. */
export const instantsAnswer = {
  sentAt: instantOf(
    "When a provider accepted the message; null if none did",
    "2027-03-01T09:00:02.120Z",
  ),
  deliveredAt: instantOf(
    "When a receipt said that the message arrived; null if there is none: most mail servers send none",
  ),
  seenAt: instantOf("When the recipient first saw it, as far as is known"),
  openedAt: instantOf(
    "When a person first opened it; null if that is not known, or if only programs did",
  ),
  clickedAt: instantOf("When a person first followed a link in it"),
  latencyMs: z.number().int().nullable().openapi({
    description:
      "Milliseconds from the time at which the message should be sent, or from its acceptance if that was later, to `sentAt`, as in the figures of `GET /v1/health`. Null if it was not sent, if policy held it, if it is part of a batch or a digest, or if an operator retried it",
    example: 840,
  }),
} as const;

const noInstants = {
  sentAt: null,
  deliveredAt: null,
  seenAt: null,
  openedAt: null,
  clickedAt: null,
  latencyMs: null,
};

/** Instants in ISO 8601. */
export type DeliveryInstants = {
  [Name in keyof typeof instantsAnswer]: z.output<(typeof instantsAnswer)[Name]>;
};

interface InstantsRow {
  id: string;
  sentAt: Date | null;
  deliveredAt: Date | null;
  seenAt: Date | null;
  openedAt: Date | null;
  clickedAt: Date | null;
  latencyMs: number | null;
}

/**
 * A delivery that ended as sent did so when it was handed over. One whose message bounced later ended again, and its last attempt says when it
 * was handed over.
 */
const sentAtSql =
  "CASE WHEN x.status IN ('sent', 'delivered') THEN x.finished_at WHEN x.outcome = 'sent' THEN x.attempt_finished_at END";

const instantsStatement = defineStatement<{ ids: readonly string[] }, InstantsRow>(
  `SELECT o.id, o.sent_at AS "sentAt", coalesce(g.delivered_at, CASE WHEN o.status = 'delivered' THEN o.finished_at END) AS "deliveredAt",
     g.seen_at AS "seenAt", g.opened_at AS "openedAt", g.clicked_at AS "clickedAt",
     CASE WHEN o.sent_at IS NOT NULL AND o.hold_count = 0 AND o.group_id IS NULL AND o.forgiven_count = 0
       THEN greatest(0, round(extract(epoch FROM o.sent_at - greatest(n.send_at, o.created_at)) * 1000))::float8 END AS "latencyMs"
   FROM unnest(:ids::uuid[]) AS i(id)
     JOIN (SELECT x.*, ${sentAtSql} AS sent_at FROM ended_deliveries x) AS o ON o.id = i.id
     LEFT JOIN notifications n ON n.id = o.notification_id LEFT JOIN engagements g ON g.delivery_id = o.id`,
);

/** Reads the instants of a page of deliveries. The function that it resolves with returns those of a delivery. */
export async function readInstants(
  execute: Execute,
  rows: readonly { id: string }[],
): Promise<(id: string) => DeliveryInstants> {
  if (rows.length === 0) return () => noInstants;
  const found = await execute(instantsStatement, { ids: rows.map(({ id }) => id) });
  const byId = new Map(found.map(({ id, ...instants }) => [id, instants]));
  return (id) => {
    const row = byId.get(id);
    if (!row) return noInstants;
    const { sentAt, deliveredAt, seenAt, openedAt, clickedAt, latencyMs } = row;
    return {
      sentAt: sentAt?.toISOString() ?? null,
      deliveredAt: deliveredAt?.toISOString() ?? null,
      seenAt: seenAt?.toISOString() ?? null,
      openedAt: openedAt?.toISOString() ?? null,
      clickedAt: clickedAt?.toISOString() ?? null,
      latencyMs,
    };
  };
}
