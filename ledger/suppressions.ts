import type { Pool } from "pg";
import { addressOf, type Channel } from "../domain/channel.ts";
import { hashedAddress, suppressionKey, type SuppressionReason } from "../domain/suppression.ts";
import type { DueDelivery } from "./due-delivery.ts";
import { defineStatement, executeOn } from "./sql.ts";

/** Where a channel reaches a recipient; null where it cannot. */
export interface ChannelAddress {
  channel: Channel;
  address: string | null;
}

/**
 * Whether a suppression `s` gives way to the one that is `excluded` by it: it ends some day, or spares messages that nobody is to be
 * sent any more.
 */
export const givesWay =
  "(s.expires_at IS NOT NULL OR s.reason = 'unsubscribed' AND excluded.reason <> 'unsubscribed')";

interface FoundSuppression {
  reason: SuppressionReason;
  since: Date;
}

const suppressedAddresses = defineStatement<
  { channels: readonly Channel[]; addresses: readonly string[] },
  FoundSuppression & { channel: Channel; address: string }
>(
  `SELECT s.channel, s.address, s.reason, s.created_at AS since
   FROM unnest(:channels::channel[], :addresses::text[]) AS w(channel, address) JOIN suppressions s ON s.channel = w.channel AND s.address = w.address
   WHERE s.expires_at IS NULL OR s.expires_at > ledger_now()`,
  "suppressed-addresses",
);

/** Reads why and since when addresses are on the suppression list, whatever their spelling; resolves with a look-up that says null for one that is not. */
export async function readSuppressions(
  pool: Pick<Pool, "query">,
  addresses: readonly ChannelAddress[],
): Promise<(address: ChannelAddress) => FoundSuppression | null> {
  const keyed = addresses.flatMap((one) => {
    const address = keyOf(one);
    return address === null ? [] : [{ channel: one.channel, address }];
  });
  if (keyed.length === 0) return () => null;
  const rows = await executeOn(pool)(suppressedAddresses, {
    channels: keyed.flatMap(({ channel }) => [channel, channel]),
    addresses: keyed.flatMap(({ address }) => [address, hashedAddress(address)]),
  });
  if (rows.length === 0) return () => null;
  const found = new Map(rows.map((row) => [`${row.channel} ${row.address}`, row]));
  return (one) => {
    const key = keyOf(one);
    if (key === null) return null;
    const kept = [key, hashedAddress(key)].map((address) => found.get(`${one.channel} ${address}`));
    return kept[0] ?? kept[1] ?? null;
  };
}

const keyOf = ({ channel, address }: ChannelAddress) =>
  address === null ? null : suppressionKey(channel, address);

/** Addresses that must not be sent to, looked up afresh for each page of due deliveries. */
export interface Suppressions {
  of(
    deliveries: readonly DueDelivery[],
  ): Promise<(delivery: DueDelivery) => SuppressionReason | null>;
}

export function createSuppressions(pool: Pool): Suppressions {
  const readAddress = ({ channel, recipient }: DueDelivery): ChannelAddress => ({
    channel,
    address: addressOf(channel, recipient),
  });
  return {
    async of(deliveries) {
      const suppressionOf = await readSuppressions(pool, deliveries.map(readAddress));
      return (delivery) => suppressionOf(readAddress(delivery))?.reason ?? null;
    },
  };
}
