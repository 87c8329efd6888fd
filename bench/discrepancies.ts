import type { DeliveryStatus } from "../domain/delivery/status.ts";

/** What the ledger says of a delivery once the run is over. */
export interface LedgerRow {
  /** Its public id. */
  id: string;
  status: DeliveryStatus;
  /** Of its recipient. */
  address: string | null;
  /** Its attempts that ended without an answer, the interrupted ones among them. */
  unanswered: number;
}

/** A message that the receiving side took, from its own log. */
export interface ReceivedMessage {
  /** The value of X-Tidings-Delivery; empty where the message has none. */
  deliveryId: string;
  /** Of the envelope. */
  address: string;
}

type DiscrepancyKind =
  /** The ledger says `sent`, and no message came. */
  | "sent_but_not_received"
  /** A message came, and the ledger neither says `sent` nor that nobody knows. */
  | "received_but_not_sent"
  /** More copies came than the one that was accepted and those whose attempts were never answered. */
  | "too_many_copies"
  /** A message came that no row of the run owes. */
  | "not_owed"
  /** A message came to somebody for whom nothing was meant. */
  | "not_in_audience"
  /** A message came to somebody else than its row's recipient. */
  | "wrong_address";

/** Names no address, so that it may be printed. */
export interface Discrepancy {
  kind: DiscrepancyKind;
  deliveryId: string;
}

/** Nobody knows yet, or ever, whether the message arrived. */
const openOutcomes: ReadonlySet<DeliveryStatus> = new Set(["unknown", "pending"]);

/**
 * Compares a ledger with the receiving side's log, message by message. For messages that one delivery went out as: those of a batch
 * or a digest have another header, and count as not owed.
 * @param audience the addresses to which the run meant to send anything, from whoever made it and not from the ledger
 */
export function findDiscrepancies({
  rows,
  messages,
  audience,
}: {
  rows: readonly LedgerRow[];
  messages: readonly ReceivedMessage[];
  audience: ReadonlySet<string>;
}): Discrepancy[] {
  const found: Discrepancy[] = [];
  const byId = new Map(rows.map((row) => [row.id, row]));
  const copies = new Map<string, number>();
  for (const { deliveryId, address } of messages) {
    const row = byId.get(deliveryId);
    if (!audience.has(address)) found.push({ kind: "not_in_audience", deliveryId });
    if (!row) found.push({ kind: "not_owed", deliveryId });
    else if (address !== row.address) found.push({ kind: "wrong_address", deliveryId });
    copies.set(deliveryId, (copies.get(deliveryId) ?? 0) + 1);
  }
  for (const row of rows) {
    const kind = judgeRow(row, copies.get(row.id) ?? 0);
    if (kind) found.push({ kind, deliveryId: row.id });
  }
  return found;
}

function judgeRow(row: LedgerRow, copies: number): DiscrepancyKind | null {
  const { status, unanswered } = row;
  const isSent = status === "sent" || status === "delivered";
  // Its hand-over is under way: it may have arrived, and has no attempt yet that says so.
  const isUnderWay = status === "sending";
  if (copies === 0) return isSent ? "sent_but_not_received" : null;
  const mayHaveArrived = isSent || isUnderWay || (openOutcomes.has(status) && unanswered > 0);
  if (!mayHaveArrived) return "received_but_not_sent";
  return copies > unanswered + (isSent || isUnderWay ? 1 : 0) ? "too_many_copies" : null;
}
