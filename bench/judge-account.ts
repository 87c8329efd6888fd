import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { findDiscrepancies, type Discrepancy, type ReceivedMessage } from "./discrepancies.ts";
import { readLedgerAccount } from "./ledger-account.ts";

const shown = 20;
/** The time within which the outcomes of received messages must be written. */
const patienceMs = 60_000;

/**
 * Compares the ledger after a run with the received messages, message by message, and prints the differences. It waits some time for open
 * rows to end.
 * @param waiting the number of rows that are expected to be still open
 * @param since an instant between earlier runs and this run, in the database's time
 * @param audience the addresses to which the run sends
 */
export async function judgeAccount({
  databaseUrl,
  received,
  audience,
  since,
  waiting = 0,
  say,
}: {
  databaseUrl: string;
  received: () => Promise<readonly ReceivedMessage[]>;
  audience: Iterable<string>;
  since: Date;
  waiting?: number;
  say: (line: string) => void;
}): Promise<Discrepancy[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    for (const deadline = Date.now() + patienceMs; Date.now() < deadline; await sleep(100)) {
      const { rows } = await client.query(
        "SELECT FROM deliveries WHERE due_at IS NOT NULL AND created_at >= $1 LIMIT $2",
        [since, waiting + 1],
      );
      if (rows.length <= waiting) break;
    }
    const rows = await readLedgerAccount(client, since);
    const messages = await received();
    const found = findDiscrepancies({ rows, messages, audience: new Set(audience) });
    for (const { kind, deliveryId } of found.slice(0, shown))
      say(`the ledger and the receiving side differ: ${kind} ${deliveryId}`);
    if (found.length > shown) say(`and ${found.length - shown} more`);
    return found;
  } finally {
    await client.end();
  }
}
