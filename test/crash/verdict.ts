import pg from "pg";
import type { Discrepancy } from "../../bench/discrepancies.ts";
import { judgeAccount } from "../../bench/judge-account.ts";
import { publicId } from "../../domain/ids.ts";
import type { ArrivedMail } from "../policy/mail-server.ts";

/** What the ledger says, held against what the mail server saw. */
export interface Verdict {
  /** Owed, and not surely delivered: no row, a row that has not ended as sent, or one that the mail server never saw. */
  lost: number;
  /** Rows beyond one for each source, recipient and leg. */
  ledgerDuplicates: number;
  /** Copies at the mail server beyond the first of their Message-ID. */
  deliveredTwice: number;
  /** Where the two differ, message by message. */
  discrepancies: Discrepancy[];
  /** Rows by status, for whoever has to find out. */
  statuses: Record<string, number>;
}

export async function judge({
  databaseUrl,
  mails,
  owed,
  audience,
  say,
}: {
  databaseUrl: string;
  mails: readonly ArrivedMail[];
  /** How many deliveries were accepted in all. */
  owed: number;
  /** The addresses that anything was meant for. */
  audience: Iterable<string>;
  say: (line: string) => void;
}): Promise<Verdict> {
  const discrepancies = await judgeAccount({
    databaseUrl,
    received: async () =>
      mails.map(({ deliveryId, to }) => ({ deliveryId: deliveryId ?? "", address: to })),
    audience,
    since: new Date(0),
    say,
  });
  const seen = new Set(mails.map(({ deliveryId }) => deliveryId));
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
      deliveredTwice: mails.length - new Set(mails.map(({ messageId }) => messageId)).size,
      discrepancies,
      statuses,
    };
  } finally {
    await client.end();
  }
}
