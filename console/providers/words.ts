import type { Channel } from "../../domain/channel.ts";
import type { DeliveryStatus } from "../../domain/delivery/status.ts";
import type { IconName } from "../parts/icon.tsx";
import { formatCount } from "../words/numbers.ts";
import type { Gate, Provider } from "./queries.ts";

/** What a provider does at the moment: its breaker, or that its gate is shut, or that no worker has it any more. */
type ProviderState = "in_use" | "idle" | "open" | "half_open" | "paused" | "stopped" | "removed";

/** @param isChannelStopped whether an operator has stopped all messages of its channel */
export function stateOf(
  { breaker, gate, configuration, channel }: Provider,
  isChannelStopped = false,
): ProviderState {
  if (gate?.shutBy != null) return "stopped";
  if (breaker.state !== "closed") return breaker.state;
  if (gate?.shutUntil != null) return "paused";
  // Push services are used without being named in the configuration.
  if (configuration === null && channel !== "push") return "removed";
  return isChannelStopped ? "idle" : "in_use";
}

export const stateLooks: Record<
  ProviderState,
  { tone: DeliveryStatus; icon: IconName; word: string }
> = {
  in_use: { tone: "delivered", icon: "check", word: "In use" },
  idle: { tone: "cancelled", icon: "pause", word: "Idle" },
  open: { tone: "failed", icon: "cross", word: "Not used" },
  half_open: { tone: "unknown", icon: "retry", word: "Being tried" },
  paused: { tone: "unknown", icon: "pause", word: "Paused" },
  stopped: { tone: "failed", icon: "stop", word: "Stopped" },
  removed: { tone: "cancelled", icon: "circle", word: "Not configured" },
};

/** The names of the kinds of providers, by their word in the configuration. */
export const kindWords: Readonly<Record<string, string>> = {
  smtp: "SMTP server",
  "web-push": "Push service",
};

/** The noun for the messages of a channel: “Stop all email”. */
export const messagesOf: Record<Channel, string> = {
  email: "email",
  push: "push messages",
  in_app: "inbox messages",
  sms: "SMS",
  webhook: "webhooks",
};

/** How much of a quota is used, and the rate, as far as the gate has them. */
export function limitsOf(gate: Gate | null): { rate: string | null; quotas: Quota[] } {
  if (gate === null) return { rate: null, quotas: [] };
  const { permitsPerSecond, burst, hourlyQuota, dailyQuota } = gate;
  return {
    rate:
      permitsPerSecond === null
        ? null
        : `${formatCount(permitsPerSecond)} per second, and ${formatCount(burst)} at once`,
    quotas: [
      {
        per: "hour" as const,
        used: gate.usedThisHour,
        of: hourlyQuota,
        renewsAt: gate.hourResetsAt,
      },
      { per: "day" as const, used: gate.usedToday, of: dailyQuota, renewsAt: gate.dayResetsAt },
    ].flatMap(({ of, renewsAt, ...quota }) =>
      of === null || renewsAt === null ? [] : [{ ...quota, of, renewsAt }],
    ),
  };
}

export interface Quota {
  per: "hour" | "day";
  used: number;
  of: number;
  renewsAt: string;
}
