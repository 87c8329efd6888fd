import type { DeliveryStatus } from "../domain/delivery/status.ts";

/** A delivery in the ledger after the run. */
export interface LedgerRow {
  /** The public id of the delivery. */
  id: string;
  status: DeliveryStatus;
  /** The address of the recipient. */
  address: string | null;
  /** The number of attempts without an answer, including interrupted ones. */
  unanswered: number;
}

/** A message from the log of the receiving side. */
export interface ReceivedMessage {
  /** The value of X-Tidings-Delivery; empty if the message has none. */
  deliveryId: string;
  /** The recipient in the envelope. */
  address: string;
}

type DiscrepancyKind =
  /** The delivery is `sent`, and no message was received. */
  | "sent_but_not_received"
  /** A message was received, and the delivery is neither `sent` nor of unknown outcome. */
  | "received_but_not_sent"
  /** More copies were received than one, plus the attempts without an answer. */
  | "too_many_copies"
  /** A message was received that no delivery of the run owes. */
  | "not_owed"
  /** A message was received at an address outside of the audience. */
  | "not_in_audience"
  /** A message was received at another address than the delivery's recipient. */
  | "wrong_address";

/** A discrepancy. It contains no address, so that it may be printed. */
export interface Discrepancy {
  kind: DiscrepancyKind;
  deliveryId: string;
}

/** Whether it is unknown if the message arrived. */
const openOutcomes: ReadonlySet<DeliveryStatus> = new Set(["unknown", "pending"]);

/**
 * Compares a ledger with the log of the receiving side, message by message. Only messages for a single delivery are supported: those of a
 * batch or a digest have another header, and count as not owed.
 * @param audience the addresses to which the run sends, from the generator of the run and not from the ledger
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
  // The hand-over is running: the message may have arrived, but no attempt is recorded yet.
  const isUnderWay = status === "sending";
  if (copies === 0) return isSent ? "sent_but_not_received" : null;
  const mayHaveArrived = isSent || isUnderWay || (openOutcomes.has(status) && unanswered > 0);
  if (!mayHaveArrived) return "received_but_not_sent";
  return copies > unanswered + (isSent || isUnderWay ? 1 : 0) ? "too_many_copies" : null;
}
