import type { Pool } from "pg";
import { addressOf, type Channel, channels } from "../domain/channel.ts";
import { hashedAddress, suppressionKey, type SuppressionReason } from "../domain/suppression.ts";
import type { DueDelivery } from "./due-delivery.ts";
import { defineStatement, executeOn } from "./sql.ts";

/** The address of a recipient on a channel; null where there is none. */
export interface ChannelAddress {
  channel: Channel;
  address: string | null;
}

/**
 * Whether the suppression `s` is replaced by a new one, `excluded`: `s` has an expiry, or it only suppresses messages from which the owner
 * unsubscribed.
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

/** Reads why and since when addresses are suppressed, in any spelling. Resolves with a function that returns null for other addresses. */
export async function readSuppressions(
  pool: Pick<Pool, "query">,
  addresses: readonly ChannelAddress[],
): Promise<(address: ChannelAddress) => FoundSuppression | null> {
  const keyed = addresses.flatMap((pair) => {
    const address = keyOf(pair);
    return address === null ? [] : [{ channel: pair.channel, address }];
  });
  if (keyed.length === 0) return () => null;
  const rows = await executeOn(pool)(suppressedAddresses, {
    channels: keyed.flatMap(({ channel }) => [channel, channel]),
    addresses: keyed.flatMap(({ address }) => [address, hashedAddress(address)]),
  });
  if (rows.length === 0) return () => null;
  const found = new Map(rows.map((row) => [`${row.channel} ${row.address}`, row]));
  return (pair) => {
    const key = keyOf(pair);
    if (key === null) return null;
    const kept = [key, hashedAddress(key)].map((address) =>
      found.get(`${pair.channel} ${address}`),
    );
    return kept[0] ?? kept[1] ?? null;
  };
}

const keyOf = ({ channel, address }: ChannelAddress) =>
  address === null ? null : suppressionKey(channel, address);

/** Looks up suppressed addresses, without a cache, for each page of due deliveries. */
export interface Suppressions {
  /** Resolves with a function for the channel of a delivery, and for all channels of a delivery that has a route. */
  of(
    deliveries: readonly DueDelivery[],
  ): Promise<(delivery: DueDelivery, channel: Channel) => SuppressionReason | null>;
}

export function createSuppressions(pool: Pool): Suppressions {
  const readAddress = ({ recipient }: DueDelivery, channel: Channel): ChannelAddress => ({
    channel,
    address: addressOf(channel, recipient),
  });
  return {
    async of(deliveries) {
      const suppressionOf = await readSuppressions(
        pool,
        deliveries.flatMap((delivery) =>
          (delivery.routeId === null ? [delivery.channel] : channels).map((channel) =>
            readAddress(delivery, channel),
          ),
        ),
      );
      return (delivery, channel) => suppressionOf(readAddress(delivery, channel))?.reason ?? null;
    },
  };
}
