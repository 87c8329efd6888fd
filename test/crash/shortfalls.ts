import type { TakenMessage } from "../../bench/tally.ts";
import type { Asked, AskedCampaign } from "./asked.ts";

/** What the ledger says of a delivery. */
export interface OwedRow {
  /** Its public id. */
  id: string;
  status: string;
  /** The public id of its campaign or notification. */
  source: string;
}

/** Where a run differs from its requests. */
export interface Shortfalls {
  /** Owed, and neither surely delivered nor, where it is meant to wait, still there: no row, or one that ended otherwise. */
  lost: number;
  /** Messages that began before their time, or inside the quiet hours of their recipient. */
  early: number;
  /** Messages that began while the API had said that their campaign is stopped. */
  begunAfterStop: number;
  /** Messages that had begun when the API said so, and whose content came afterwards: no fault. */
  finishedAfterStop: number;
}

/** Compares the messages of the mail server and the rows of the ledger with the requests. */
export function findShortfalls({
  asked,
  rows,
  messages,
}: {
  asked: Asked;
  rows: readonly OwedRow[];
  messages: readonly TakenMessage[];
}): Shortfalls {
  const sourceOf = new Map(rows.map(({ id, source }) => [id, source]));
  const campaigns = new Map(asked.campaigns.map((campaign) => [campaign.id, campaign]));
  const notBefore = new Map(asked.notifications.map((one) => [one.id, one.notBefore]));
  let [early, begunAfterStop, finishedAfterStop] = [0, 0, 0];
  for (const { deliveryId, address, begunAt, at } of messages) {
    const source = sourceOf.get(deliveryId) ?? "";
    const isQuiet = asked.quiet.addresses.has(address) && begunAt < asked.quiet.until;
    if (isQuiet || begunAt < (notBefore.get(source) ?? 0)) early++;
    const stopped = campaigns.get(source)?.stopped;
    if (!stopped) continue;
    if (begunAt > stopped.from && begunAt < stopped.until) begunAfterStop++;
    if (begunAt <= stopped.from && at > stopped.from) finishedAfterStop++;
  }
  const seen = new Set(messages.map(({ deliveryId }) => deliveryId));
  return { lost: countLost(asked, rows, seen), early, begunAfterStop, finishedAfterStop };
}

function countLost(asked: Asked, rows: readonly OwedRow[], seen: ReadonlySet<string>): number {
  const isDelivered = ({ id, status }: OwedRow) => status === "sent" && seen.has(id);
  const isAccountedFor = (row: OwedRow) =>
    isDelivered(row) || row.status === "cancelled" || row.status === "unknown";
  const isOwedStill = (row: OwedRow) => isDelivered(row) || row.status === "pending";
  const bySource = new Map<string, OwedRow[]>();
  for (const row of rows) {
    const ofSource = bySource.get(row.source);
    if (ofSource) ofSource.push(row);
    else bySource.set(row.source, [row]);
  }
  const countMissing = (source: string, owed: number, isGood: (row: OwedRow) => boolean) =>
    owed - (bySource.get(source) ?? []).filter(isGood).length;
  const ofCampaign = ({ id, audience, isCancelled }: AskedCampaign) =>
    countMissing(id, audience, isCancelled ? isAccountedFor : isDelivered);
  return [
    ...asked.campaigns.map(ofCampaign),
    ...asked.notifications.map(({ id, waits }) =>
      countMissing(id, 1, waits ? isOwedStill : isDelivered),
    ),
  ].reduce((sum, count) => sum + count, 0);
}
