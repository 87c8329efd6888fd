import type { Channel } from "../../domain/channel.ts";
import { channelGate, providerGate } from "../../domain/delivery/gates.ts";
import type { HandOverLimit } from "../../domain/forecast/limit-meter.ts";
import { countAhead } from "../../ledger/ahead.ts";
import type { StoredConfiguration } from "../../ledger/providers.ts";
import type { Gate } from "../../prisma/generated/client.ts";
import { gateJson } from "../operations/gates.ts";
import type { Services } from "../services.ts";

/** A limit with the name of what it limits. */
type NamedLimit = HandOverLimit & { kind: "channel" | "provider"; name: string };

/** What limits the hand-overs of a channel. */
export interface ChannelLimits {
  ahead: number;
  gate: NamedLimit | null;
  /** The providers that are in use, in the order in which they are tried; null for one without limits. */
  providers: (NamedLimit | null)[];
  /** The providers that are out of service, and are not counted on. */
  unavailable: string[];
}

/** Reads what limits the hand-overs of channels now. */
export async function readHandOverLimits(
  { prisma, pool }: Pick<Services, "prisma" | "pool">,
  channels: readonly Channel[],
  now: Date,
): Promise<Map<Channel, ChannelLimits>> {
  const breakers = await prisma.breaker.findMany({ where: { channel: { in: [...channels] } } });
  const used = breakers
    .map((row) => ({ ...row, stored: row.configuration as StoredConfiguration | null }))
    .filter(({ stored }) => stored !== null && !stored.removed)
    .toSorted((a, b) => (a.stored?.position ?? 999) - (b.stored?.position ?? 999));
  const keys = [...channels.map(channelGate), ...used.map((row) => providerGate(row.provider))];
  const gates = await prisma.gate.findMany({ where: { key: { in: keys } } });
  const limitOf = (key: string, kind: NamedLimit["kind"], name: string): NamedLimit | null => {
    const gate = gates.find((each) => each.key === key);
    return gate ? { kind, name, ...toLimit(gate, now) } : null;
  };
  const ahead = await countAhead(pool);
  return new Map(
    channels.map((channel) => {
      const own = used.filter((row) => row.channel === channel);
      const working = own.filter(({ state }) => state !== "open");
      return [
        channel,
        {
          ahead: ahead.get(channel) ?? 0,
          gate: limitOf(channelGate(channel), "channel", channel),
          // If none works, they are expected to work again.
          providers: (working.length > 0 ? working : own).map(({ provider }) =>
            limitOf(providerGate(provider), "provider", provider),
          ),
          unavailable: own.filter(({ state }) => state === "open").map(({ provider }) => provider),
        },
      ];
    }),
  );
}

function toLimit(gate: Gate, now: Date): HandOverLimit {
  const { permitsPerSecond, hourlyQuota, dailyQuota, usedThisHour, usedToday, shutUntil } =
    gateJson(gate, now);
  return {
    permitsPerSecond,
    hourlyQuota,
    usedThisHour,
    dailyQuota,
    usedToday,
    shutUntil: shutUntil === null ? null : Date.parse(shutUntil),
  };
}
