import pg from "pg";
import type { Discrepancy } from "../../bench/discrepancies.ts";
import { judgeAccount } from "../../bench/judge-account.ts";
import type { Sink } from "../../bench/sink-process.ts";
import { publicId } from "../../domain/ids.ts";
import { type CountDifference, findCountDifferences } from "../../ledger/delivery-counts.ts";
import { executeOn } from "../../ledger/sql.ts";
import type { Asked } from "./asked.ts";
import { findShortfalls, type OwedRow, type Shortfalls } from "./shortfalls.ts";

/** Compares the ledger with the requests and with the record of the mail server. */
export interface Verdict extends Shortfalls {
  /** Rows beyond one for each source, recipient and leg. */
  ledgerDuplicates: number;
  /** Copies at the mail server beyond the first of their Message-ID. */
  deliveredTwice: number;
  /** Where ledger and mail server differ, message by message. */
  discrepancies: Discrepancy[];
  /** Where the stored numbers of deliveries differ from the ledger. */
  countDifferences: CountDifference[];
  /** Rows by status, for the analysis of a failed run. */
  statuses: Record<string, number>;
}

export async function judge({
  databaseUrl,
  server,
  asked,
  addresses,
  say,
}: {
  databaseUrl: string;
  server: Sink;
  asked: Asked;
  /** Those that anything was meant for. */
  addresses: Iterable<string>;
  say: (line: string) => void;
}): Promise<Verdict> {
  const discrepancies = await judgeAccount({
    databaseUrl,
    received: () => server.received(),
    audience: addresses,
    since: new Date(0),
    waiting: asked.notifications.filter(({ waits }) => waits).length,
    say,
  });
  const { rows, ledgerDuplicates, countDifferences } = await readLedger(databaseUrl);
  const statuses: Record<string, number> = {};
  for (const { status } of rows) statuses[status] = (statuses[status] ?? 0) + 1;
  return {
    ...findShortfalls({ asked, rows, messages: await server.received() }),
    ledgerDuplicates,
    deliveredTwice: (await server.report()).duplicated,
    discrepancies,
    countDifferences,
    statuses,
  };
}

async function readLedger(
  databaseUrl: string,
): Promise<{ rows: OwedRow[] } & Pick<Verdict, "ledgerDuplicates" | "countDifferences">> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{
      id: string;
      status: string;
      campaign: string | null;
      notification: string | null;
    }>(
      "SELECT id, status, campaign_id AS campaign, notification_id AS notification FROM deliveries",
    );
    const { rows: repeated } = await client.query<{ extra: number }>(
      `SELECT coalesce(sum(count - 1), 0)::int AS extra FROM (
         SELECT count(*) FROM deliveries GROUP BY campaign_id, notification_id, recipient_id, leg
       ) AS r(count)`,
    );
    return {
      rows: rows.map(({ id, status, campaign, notification }) => ({
        id: publicId("delivery", id),
        status,
        source:
          campaign === null
            ? publicId("notification", notification!)
            : publicId("campaign", campaign),
      })),
      ledgerDuplicates: repeated[0]!.extra,
      countDifferences: await findCountDifferences(executeOn(client)),
    };
  } finally {
    await client.end();
  }
}
