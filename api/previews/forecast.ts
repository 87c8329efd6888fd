import { z } from "@hono/zod-openapi";
import type { Channel } from "../../domain/channel.ts";
import { channels } from "../../domain/channel.ts";
import { reasons } from "../../domain/delivery/reasons.ts";
import { forecastHandOvers, scaleCounts } from "../../domain/forecast/hand-overs.ts";
import type { ForecastTally } from "./forecast-tally.ts";
import type { ChannelLimits } from "./hand-over-limits.ts";

const countOf = (description: string, example: number) =>
  z.number().int().openapi({ description, example });
const instant = (description: string) => z.iso.datetime().openapi({ description });

const reason = z.enum(reasons);

/** When a campaign would be handed over. */
export const campaignForecast = z
  .object({
    at: instant("When the campaign would begin"),
    audience: countOf("The recipients in the audience", 18_800),
    sampled: z.boolean().openapi({
      description:
        "Whether only some of the recipients were decided, so that the other counts are scaled up from them",
      example: false,
    }),
    lost: z
      .array(z.object({ reason, count: countOf("The number of recipients", 402) }))
      .openapi({ description: "The recipients who would get no message, and why" }),
    reachable: countOf(
      "The recipients of whom at least one message would be handed over: `audience` without those in `lost`",
      17_992,
    ),
    messages: countOf(
      "Their messages. Recipients have several if their route has several stages that begin at once",
      17_992,
    ),
    waiting: z
      .array(
        z.object({
          reason: reason.openapi({ example: "quiet_hours" }),
          count: countOf("The number of messages", 1_204),
          from: instant("When the first of them is decided again"),
          until: instant("When the last of them is decided again"),
        }),
      )
      .openapi({ description: "The messages that would not be sent at once, and why" }),
    handOvers: z.object({
      first: instant("The first hand-over; null if there is none").nullable(),
      last: instant(
        "The last hand-over; null if there is none, or if some are more than 31 days after its beginning",
      ).nullable(),
      hours: z
        .array(z.object({ at: instant("The beginning of the hour"), count: countOf("", 3_600) }))
        .openapi({ description: "The hand-overs in each clock hour in UTC that has any" }),
      beyond: countOf(
        "The messages that would not be handed over within 31 days of the beginning",
        0,
      ),
    }),
    ahead: countOf("Messages that are due already on the same channels, and go first", 120),
    limits: z
      .array(
        z.object({
          kind: z.enum(["throttle", "channel", "provider"]).openapi({ example: "provider" }),
          name: z.string().openapi({ example: "smtp-1" }),
          permitsPerSecond: z.number().nullable().openapi({ example: 14 }),
          hourlyQuota: z.number().int().nullable().openapi({ example: null }),
          dailyQuota: z.number().int().nullable().openapi({ example: 50_000 }),
          shutUntil: instant("Nothing is handed over before").nullable(),
        }),
      )
      .openapi({ description: "The limits that were taken into account" }),
    assumptions: z
      .array(z.string())
      .openapi({ description: "What the forecast assumes, in words", example: [] }),
  })
  .openapi("CampaignForecast");

interface Forecast {
  tally: ForecastTally;
  /** The number of recipients in the audience. */
  audience: number;
  at: Date;
  now: Date;
  throttle: number | null;
  limits: ReadonlyMap<Channel, ChannelLimits>;
}

/** Calculates the hand-overs from what was decided, and makes the answer. */
export function forecastJson(forecast: Forecast): z.output<typeof campaignForecast> {
  const { tally, audience, at, now, throttle, limits } = forecast;
  const { recipients, reachable: decidedReachable, lost, waits } = tally;
  const scale = recipients === 0 ? 0 : audience / recipients;
  const arrivals = channels.flatMap((channel) =>
    [...(tally.arrivals.get(channel) ?? [])].map(([due, count]) => ({ channel, at: due, count })),
  );
  const decidedMessages = arrivals.reduce((sum, { count }) => sum + count, 0);
  // The sums of the scaled counts are exact.
  const [reachable = 0, ...lostCounts] = scaleCounts(
    [decidedReachable, ...lost.values()],
    recipients === 0 ? 0 : audience,
  );
  // With one message for each recipient there are as many after scaling too.
  const messages =
    decidedMessages === decidedReachable ? reachable : Math.round(decidedMessages * scale);
  const scaled = scaleCounts(
    arrivals.map(({ count }) => count),
    messages,
  ).map((count, index) => ({ ...arrivals[index]!, count }));

  const found = forecastHandOvers({
    from: now.getTime(),
    throttle,
    channels: [...limits].map(([channel, { ahead, gate, providers }]) => ({
      arrivals: scaled.filter((one) => one.channel === channel),
      ahead,
      gate,
      providers,
    })),
  });
  const isoOf = (when: number | null) => (when === null ? null : new Date(when).toISOString());
  const named = [...limits.values()].flatMap(({ gate, providers }) => [gate, ...providers]);
  const pace = { hourlyQuota: null, dailyQuota: null, shutUntil: null };
  return {
    at: at.toISOString(),
    audience,
    sampled: recipients < audience,
    lost: [...lost.keys()]
      .map((why, index) => ({ reason: why, count: lostCounts[index]! }))
      .toSorted(byCount),
    reachable,
    messages,
    waiting: [...waits]
      .map(([why, { count, from, until }]) => ({
        reason: why,
        count: Math.round(count * scale),
        from: new Date(from).toISOString(),
        until: new Date(until).toISOString(),
      }))
      .toSorted(byCount),
    handOvers: {
      first: isoOf(found.first),
      last: found.beyond > 0 ? null : isoOf(found.last),
      hours: found.hours.map(({ at: hour, count }) => ({
        at: new Date(hour).toISOString(),
        count,
      })),
      beyond: found.beyond,
    },
    ahead: [...limits.values()].reduce((sum, { ahead }) => sum + ahead, 0),
    limits: [
      ...(throttle === null
        ? []
        : [{ kind: "throttle" as const, name: "campaign", permitsPerSecond: throttle, ...pace }]),
      ...named
        .filter((limit) => limit !== null)
        .map(({ kind, name, permitsPerSecond, hourlyQuota, dailyQuota, shutUntil }) => ({
          kind,
          name,
          permitsPerSecond,
          hourlyQuota,
          dailyQuota,
          shutUntil: isoOf(shutUntil),
        })),
    ],
    assumptions: describeAssumptions(forecast, named.length),
  };
}

/** The order does not depend on the order in which recipients were decided. */
const byCount = (one: { count: number; reason: string }, other: typeof one) =>
  other.count - one.count || one.reason.localeCompare(other.reason);

function describeAssumptions({ tally, audience, limits, at, now }: Forecast, limitCount: number) {
  const unavailable = [...limits.values()].flatMap((each) => each.unavailable);
  return [
    "The audience, the preferences, the policy and the limits stay as they are now.",
    limitCount === 0
      ? "No limit of a channel or provider is in force."
      : "Rates are used in full, without bursts. A message that one provider’s limit does not let through goes to the next provider.",
    "The speed of the workers and the providers is not taken into account.",
    "A message that waits is handed over when it is decided again, and messages that a batch or digest combines are counted one by one.",
    ...(tally.recipients < audience
      ? [
          `${tally.recipients.toLocaleString("en")} of ${audience.toLocaleString("en")} recipients were decided, and the counts are scaled up.`,
        ]
      : []),
    ...(at > now
      ? ["No further messages are added before the campaign begins."]
      : ["Messages that become due later do not go first."]),
    ...(unavailable.length > 0
      ? [`${unavailable.join(", ")} cannot be reached now, and other providers are used.`]
      : []),
  ];
}
