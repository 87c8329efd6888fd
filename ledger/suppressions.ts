import type { Pool } from "pg";
import { addressKey } from "../domain/address.ts";
import type { DueDelivery } from "./ledger.ts";

/** Addresses that must not be sent to, looked up afresh for each page of due deliveries. */
export interface Suppressions {
  of(deliveries: readonly DueDelivery[]): Promise<(delivery: DueDelivery) => boolean>;
}

export function createSuppressions(pool: Pool): Suppressions {
  const keyOf = ({ recipient }: DueDelivery) =>
    recipient.email === null ? null : addressKey(recipient.email);
  return {
    async of(deliveries) {
      const keys = deliveries.map(keyOf).filter((key) => key !== null);
      const { rows } = await pool.query<{ address: string }>({
        name: "suppressed-addresses",
        text: "SELECT address FROM suppressions WHERE channel = 'email' AND address = ANY($1::text[])",
        values: [keys],
      });
      if (rows.length === 0) return () => false;
      const suppressed = new Set<string | null>(rows.map(({ address }) => address));
      return (delivery) => suppressed.has(keyOf(delivery));
    },
  };
}
