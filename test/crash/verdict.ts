import pg from "pg";
import type { Discrepancy } from "../../bench/discrepancies.ts";
import { judgeAccount } from "../../bench/judge-account.ts";
import type { Sink } from "../../bench/sink-process.ts";
import { publicId } from "../../domain/ids.ts";
import type { Asked, AskedCampaign } from "./asked.ts";

/** What the ledger says, held against what was asked for and what the mail server saw. */
export interface Verdict {
  /** Owed, and neither surely delivered nor, where it is meant to wait, still there: no row, or one that ended otherwise. */
  lost: number;
  /** Messages that began before their time, or inside the quiet hours of their recipient. */
  early: number;
  /** Messages that began while the API had said that their campaign is stopped. */
  begunAfterStop: number;
  /** Messages that had begun when the API said so, and whose content came afterwards. */
  finishedAfterStop: number;
  /** Rows beyond one for each source, recipient and leg. */
  ledgerDuplicates: number;
  /** Copies at the mail server beyond the first of their Message-ID. */
  deliveredTwice: number;
  /** Where ledger and mail server differ, message by message. */
  discrepancies: Discrepancy[];
  /** Rows by status, for whoever has to find out. */
  statuses: Record<string, number>;
}

interface Row {
  id: string;
  status: string;
  /** The public id of its campaign or notification. */
  source: string;
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
  const messages = await server.received();
  const { rows, ledgerDuplicates } = await readRows(databaseUrl);
  const byId = new Map(rows.map((row) => [row.id, row]));
  const campaigns = new Map(asked.campaigns.map((campaign) => [campaign.id, campaign]));
  const notBefore = new Map(asked.notifications.map((one) => [one.id, one.notBefore]));

  let [early, begunAfterStop, finishedAfterStop] = [0, 0, 0];
  for (const { deliveryId, address, begunAt, at } of messages) {
    const source = byId.get(deliveryId)?.source ?? "";
    const isQuiet = asked.quiet.addresses.has(address) && begunAt < asked.quiet.until;
    if (isQuiet || begunAt < (notBefore.get(source) ?? 0)) early++;
    const stopped = campaigns.get(source)?.stopped;
    if (!stopped) continue;
    if (begunAt > stopped.from && begunAt < stopped.until) begunAfterStop++;
    if (begunAt <= stopped.from && at > stopped.from) finishedAfterStop++;
  }
  const statuses: Record<string, number> = {};
  for (const { status } of rows) statuses[status] = (statuses[status] ?? 0) + 1;
  return {
    lost: countLost(asked, rows, new Set(messages.map(({ deliveryId }) => deliveryId))),
    early,
    begunAfterStop,
    finishedAfterStop,
    ledgerDuplicates,
    deliveredTwice: (await server.report()).duplicated,
    discrepancies,
    statuses,
  };
}

function countLost(asked: Asked, rows: readonly Row[], seen: ReadonlySet<string>): number {
  const isDelivered = ({ id, status }: Row) => status === "sent" && seen.has(id);
  const isAccountedFor = (row: Row) =>
    isDelivered(row) || row.status === "cancelled" || row.status === "unknown";
  const isOwedStill = (row: Row) => isDelivered(row) || row.status === "pending";
  const bySource = new Map<string, Row[]>();
  for (const row of rows) {
    const ofSource = bySource.get(row.source);
    if (ofSource) ofSource.push(row);
    else bySource.set(row.source, [row]);
  }
  const missing = (source: string, owed: number, isGood: (row: Row) => boolean) =>
    owed - (bySource.get(source) ?? []).filter(isGood).length;
  const ofCampaign = ({ id, audience, isCancelled }: AskedCampaign) =>
    missing(id, audience, isCancelled ? isAccountedFor : isDelivered);
  return [
    ...asked.campaigns.map(ofCampaign),
    ...asked.notifications.map(({ id, waits }) =>
      missing(id, 1, waits ? isOwedStill : isDelivered),
    ),
  ].reduce((sum, count) => sum + count, 0);
}

async function readRows(databaseUrl: string): Promise<{ rows: Row[]; ledgerDuplicates: number }> {
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
    };
  } finally {
    await client.end();
  }
}
