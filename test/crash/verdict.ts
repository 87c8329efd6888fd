import pg from "pg";
import { publicId } from "../../domain/ids.ts";
import type { MailboxLog } from "../../cli/demo/mailbox-log.ts";

/** What the ledger says, held against what the mailbox saw. */
export interface Verdict {
  /** Owed, and not surely delivered: no row, a row that has not ended as sent, or one that the mailbox never saw. */
  lost: number;
  /** Rows beyond one for each source, recipient and leg. */
  ledgerDuplicates: number;
  /** Copies at the mailbox beyond the first of their Message-ID. */
  deliveredTwice: number;
  /** Distinct messages at the mailbox, and rows of the ledger that were sent, are the same ones. */
  agree: boolean;
  /** Rows by status, for whoever has to find out. */
  statuses: Record<string, number>;
}

/** @param owed how many deliveries were accepted in all */
export async function judge(databaseUrl: string, log: MailboxLog, owed: number): Promise<Verdict> {
  const messages = log.count();
  const seen = log.deliveryIds();
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ id: string; status: string }>(
      "SELECT id, status FROM deliveries",
    );
    const { rows: repeated } = await client.query<{ extra: number }>(
      `SELECT coalesce(sum(count - 1), 0)::int AS extra FROM (
         SELECT count(*) FROM deliveries GROUP BY campaign_id, notification_id, recipient_id, leg
       ) AS r(count)`,
    );
    const delivered = rows.filter(
      ({ id, status }) => status === "sent" && seen.has(publicId("delivery", id)),
    );
    const statuses: Record<string, number> = {};
    for (const { status } of rows) statuses[status] = (statuses[status] ?? 0) + 1;
    return {
      lost: owed - delivered.length,
      ledgerDuplicates: repeated[0]!.extra,
      deliveredTwice: messages - log.messageIds().size,
      agree: seen.size === delivered.length && seen.size === (statuses.sent ?? 0),
      statuses,
    };
  } finally {
    await client.end();
  }
}
