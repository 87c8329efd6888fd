import type { Pool } from "pg";
import { addressOf, type Channel, suppressionKeyOf } from "../domain/channel.ts";
import type { DueDelivery } from "./ledger.ts";
import { defineStatement, executeOn } from "./sql.ts";

/** Addresses that must not be sent to, looked up afresh for each page of due deliveries. */
export interface Suppressions {
  of(deliveries: readonly DueDelivery[]): Promise<(delivery: DueDelivery) => boolean>;
}

/** An address on its channel, as suppressions list it. */
interface Listed {
  channel: Channel;
  address: string;
}

/** An address that is the same on two channels is listed for each: the caller looks at both. */
const readSuppressed = defineStatement<
  { channels: readonly Channel[]; addresses: readonly string[] },
  Listed
>(
  "SELECT channel, address FROM suppressions WHERE channel = ANY(:channels::channel[]) AND address = ANY(:addresses::text[])",
  "suppressed-addresses",
);

export function createSuppressions(pool: Pool): Suppressions {
  const execute = executeOn(pool);
  return {
    async of(deliveries) {
      const listed = deliveries.flatMap((delivery) => listedAs(delivery) ?? []);
      const rows = await execute(readSuppressed, {
        channels: [...new Set(listed.map(({ channel }) => channel))],
        addresses: listed.map(({ address }) => address),
      });
      if (rows.length === 0) return () => false;
      const suppressed = new Set(rows.map(keyOf));
      return (delivery) => {
        const own = listedAs(delivery);
        return own !== null && suppressed.has(keyOf(own));
      };
    },
  };
}

function listedAs({ channel, recipient }: DueDelivery): Listed | null {
  const own = addressOf(channel, recipient);
  const key = own === null ? null : suppressionKeyOf(channel, own);
  return key === null ? null : { channel, address: key };
}

const keyOf = ({ channel, address }: Listed) => `${channel} ${address}`;
