import { describe, expect, it } from "vitest";
import { deliveryStatuses } from "../domain/delivery/status.ts";
import { findDiscrepancies, type LedgerRow, type ReceivedMessage } from "./discrepancies.ts";

const ann = "ann@example.org";
const bob = "bob@example.org";

const row = (settings: Partial<LedgerRow> = {}): LedgerRow => ({
  id: "dlv_1",
  status: "sent",
  address: ann,
  unanswered: 0,
  ...settings,
});
const message = (settings: Partial<ReceivedMessage> = {}): ReceivedMessage => ({
  deliveryId: "dlv_1",
  address: ann,
  ...settings,
});

const compare = (
  rows: readonly LedgerRow[],
  messages: readonly ReceivedMessage[],
  audience: readonly string[] = [ann, bob],
) =>
  findDiscrepancies({ rows, messages, audience: new Set(audience) }).map(
    ({ kind, deliveryId }) => `${kind} ${deliveryId}`,
  );

/** Copies of one message. */
const copies = (count: number) => Array.from({ length: count }, () => message());

describe("a ledger and a log that agree", () => {
  it.each<[string, LedgerRow, number]>([
    ["sent and received once", row(), 1],
    ["sent at the second try, after one without an answer", row({ unanswered: 1 }), 2],
    ["of an unanswered try that did not arrive", row({ unanswered: 1 }), 1],
    ["unknown and received", row({ status: "unknown", unanswered: 1 }), 1],
    ["unknown and not received", row({ status: "unknown", unanswered: 1 }), 0],
    ["waiting after two tries without an answer", row({ status: "pending", unanswered: 2 }), 2],
    ["being handed over", row({ status: "sending" }), 1],
    ["being handed over again", row({ status: "sending", unanswered: 1 }), 2],
    ["failed and not received", row({ status: "failed" }), 0],
    ["suppressed and not received", row({ status: "suppressed" }), 0],
  ])("show nothing: %s", (_, one, count) => {
    expect(compare([one], copies(count))).toEqual([]);
  });
});

describe("a ledger and a log that differ", () => {
  it("show messages that are sent in the ledger but were not received", () => {
    expect(compare([row(), row({ id: "dlv_2" })], [message({ deliveryId: "dlv_2" })])).toEqual([
      "sent_but_not_received dlv_1",
    ]);
    expect(compare([row({ unanswered: 3 })], [])).toEqual(["sent_but_not_received dlv_1"]);
  });

  it.each(deliveryStatuses.filter((status) => !["sent", "delivered", "sending"].includes(status)))(
    "show what was received and is %s, with every attempt answered",
    (status) => {
      expect(compare([row({ status })], copies(1))).toEqual(["received_but_not_sent dlv_1"]);
    },
  );

  it.each(["failed", "suppressed", "cancelled"] as const)(
    "show what was received and is %s, though an attempt was not answered",
    (status) => {
      expect(compare([row({ status, unanswered: 1 })], copies(1))).toEqual([
        "received_but_not_sent dlv_1",
      ]);
    },
  );

  it.each<[string, LedgerRow, number]>([
    ["sent", row(), 2],
    ["sent after an unanswered attempt", row({ unanswered: 1 }), 3],
    ["unknown", row({ status: "unknown", unanswered: 1 }), 2],
    ["being handed over", row({ status: "sending" }), 2],
  ])("show more copies than there can be of what is %s", (_, one, count) => {
    expect(compare([one], copies(count))).toEqual(["too_many_copies dlv_1"]);
  });

  it("show messages that no delivery owes", () => {
    expect(compare([row()], [message(), message({ deliveryId: "dlv_9" })])).toEqual([
      "not_owed dlv_9",
    ]);
    expect(compare([], [message({ deliveryId: "" })])).toEqual(["not_owed "]);
  });

  it("show messages that went to another address than their recipient's", () => {
    expect(compare([row()], [message({ address: bob })])).toEqual(["wrong_address dlv_1"]);
    expect(compare([row({ address: null })], [message()])).toEqual(["wrong_address dlv_1"]);
  });

  it("show messages to an address outside of the audience, even if the ledger owes them", () => {
    expect(compare([row()], [message()], [bob])).toEqual(["not_in_audience dlv_1"]);
  });

  it("show two messages whose recipients were exchanged, even if all sums agree", () => {
    expect(
      compare(
        [row(), row({ id: "dlv_2", address: bob })],
        [message({ address: bob }), message({ deliveryId: "dlv_2", address: ann })],
      ),
    ).toEqual(["wrong_address dlv_1", "wrong_address dlv_2"]);
  });

  it("contain no address", () => {
    const found = findDiscrepancies({
      rows: [row()],
      messages: [message({ address: bob }), message(), message()],
      audience: new Set(),
    });
    expect(found).not.toEqual([]);
    expect(JSON.stringify(found)).not.toContain("@");
  });
});
