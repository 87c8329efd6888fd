import type { Channel } from "../../domain/channel.ts";
import { releaseGate } from "../../domain/delivery/gates.ts";
import type { Policy } from "../../domain/policy/policy.ts";
import type { Gates } from "../../ledger/gates.ts";
import type { Outgoing } from "./decide-page.ts";

/**
 * Of messages that were held back with others, those that come later than the rate of release of their channel allows now, and
 * when they do.
 */
export async function postponeReleases(
  gates: Gates,
  outgoing: readonly Outgoing[],
  { release: { channelPerSecond: perSecond } }: Policy,
  at: Date,
): Promise<Map<Outgoing, number>> {
  const byChannel = new Map<Channel, Outgoing[]>();
  for (const message of outgoing) {
    if (!message.released) continue;
    const { channel } = message.items[0]!.delivery;
    const together = byChannel.get(channel);
    if (together) together.push(message);
    else byChannel.set(channel, [message]);
  }
  const spreadMs = (place: number) => Math.ceil(((place + 1) * 1_000) / perSecond);
  const postponed = new Map<Outgoing, number>();
  for (const [channel, released] of byChannel) {
    const key = releaseGate(channel);
    await gates.ensure({ key, perSecond, burst: Math.ceil(perSecond) });
    const { granted, opensInMs } = await gates.take({ key, wanted: released.length, asOf: at });
    for (const [place, message] of released.slice(granted).entries())
      postponed.set(message, at.getTime() + opensInMs + spreadMs(place));
  }
  return postponed;
}
