import type { DueDelivery, WantedMessage } from "../../ledger/ledger.ts";

/** Returns each delivery as a separate message without limits. */
export const wantedMessages = (rows: readonly DueDelivery[]): WantedMessage[] =>
  rows.map((row) => ({
    recipientId: row.recipient.id,
    typeNumber: 0,
    room: {
      perMinute: null,
      perHour: null,
      perDay: null,
      gapMs: null,
      typePerMinute: null,
      typePerHour: null,
      typePerDay: null,
      burst: null,
      typeBurst: null,
    },
    policyVersion: 0,
    typeVersion: null,
    preferencesVersion: 0,
    items: [{ delivery: row, source: { revision: row.revision } }],
  }));
