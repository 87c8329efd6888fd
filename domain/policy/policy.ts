import { z } from "zod";
import { channels } from "../channel.ts";
import { resourceKey } from "../key.ts";
import { recipientLimits } from "./limits.ts";
import { mergePatch, mergePatchOf, patchBetween } from "../merge-patch.ts";
import { preferenceDefaults } from "./preferences.ts";
import { route } from "./route.ts";

const between = (min: number, max: number) => `must be from ${min} to ${max}`;

const whole = (min: number, max: number, example: number, description?: string) =>
  z
    .int(`must be a whole number from ${min} to ${max}`)
    .min(min, between(min, max))
    .max(max, between(min, max))
    .meta({ example, ...(description !== undefined && { description }) });

const share = (example: number) =>
  z.number().min(0, between(0, 1)).max(1, between(0, 1)).meta({ example });

/** Arguments for `refine`: the second of two thresholds is not lower than the first. */
const rising = <First extends string, Second extends string>(first: First, second: Second) =>
  [
    (given: Record<First | Second, number>) => given[first] <= given[second],
    { path: [second] as PropertyKey[], error: `must not be less than ${first}` },
  ] as const;

/** Arguments for `refine`: the second of two thresholds is not higher than the first. */
const falling = <First extends string, Second extends string>(first: First, second: Second) =>
  [
    (given: Record<First | Second, number>) => given[first] >= given[second],
    { path: [second] as PropertyKey[], error: `must not be more than ${first}` },
  ] as const;

/** The organisation's rules: preferences that types and recipients may override, and values that only the organisation sets. */
export const policy = z.strictObject({
  preferences: preferenceDefaults.meta({
    description:
      "The preferences that apply where neither a notification type nor a recipient sets others",
  }),
  limits: recipientLimits.meta({
    description:
      "The maximum number of messages to one recipient within any minute, hour and day and in a burst, whatever the recipient's preferences are. Critical messages are exempt",
    example: { perMinute: 10, perHour: 100, perDay: 500, burst: { messages: 5, seconds: 10 } },
  }),
  route: route.nullable().meta({
    description:
      "The route of messages for which neither their request nor a routing rule nor their type chooses one; null for email alone",
    example: { stages: [{ via: ["in_app"] }, { via: ["email"] }] },
  }),
  deduplicationSeconds: whole(
    0,
    86_400,
    300,
    "Seconds within which the same message is not sent to a recipient twice",
  ),
  release: z
    .strictObject({
      recipientSeconds: whole(0, 3_600, 60, "Seconds between two messages to one recipient"),
      channelPerSecond: z
        .number()
        .min(0.01, between(0.01, 100_000))
        .max(100_000, between(0.01, 100_000))
        .meta({
          description: "Messages a second on each channel, over all its providers",
          example: 500,
        }),
    })
    .meta({ description: "How fast messages that were held back are released" }),
  batching: z.strictObject({
    itemsShown: whole(1, 50, 5, "Members that a summary shows. It gives the number of the others"),
    underLoad: z
      .strictObject({
        backlog: whole(
          1,
          10_000_000,
          500,
          "Batches grow from this number of deliveries that are due and not sent",
        ),
        delaySeconds: whole(
          1,
          86_400,
          30,
          "Batches also grow when the oldest of these deliveries has been due for this many seconds",
        ),
        maximumSize: whole(2, 20, 20, "The maximum number of members of a batch under load"),
        windowMinutes: whole(5, 120, 60, "The longest window of a batch under load"),
      })
      .meta({
        description:
          "When batches become larger and longer, and how far. A recipient's own preference is never exceeded.",
      }),
  }),
  digest: z.strictObject({
    itemsShownPerType: whole(
      1,
      50,
      10,
      "Members shown of each type. The digest gives the number of the others",
    ),
    template: resourceKey.nullable().meta({
      description: "Key of the template for digests; null for the one that comes with Tidings",
      example: "our-digest",
    }),
  }),
  timing: z.strictObject({
    maximumWaitMinutes: whole(
      1,
      1_440,
      240,
      "The longest time for which a message waits for its recipient's best hour",
    ),
    minimumLooks: whole(
      1,
      1_000,
      10,
      "How often a recipient has to have read messages before a best hour is derived",
    ),
  }),
  breaker: z
    .strictObject({
      failures: whole(
        1,
        1_000,
        5,
        "Consecutive failures that open the breaker, if the share of failures is reached too",
      ),
      withinSeconds: whole(
        1,
        86_400,
        300,
        "The seconds within which these failures have to happen",
      ),
      failureShare: share(0.5).meta({
        description:
          "The share of a worker's latest calls that have to fail for the breaker to open, unless four times as many fail in a row. With 0, consecutive failures open it whatever their share",
      }),
      windowCalls: whole(
        1,
        10_000,
        100,
        "The number of latest calls, within that time, from which the share is computed",
      ),
      openSeconds: whole(
        1,
        86_400,
        60,
        "How long the breaker stays open before trial calls are made",
      ),
      trials: whole(
        1,
        100,
        3,
        "Trial calls that are made before the breaker closes. Fewer than the share of them may fail",
      ),
      campaignRefusals: whole(
        2,
        10_000,
        20,
        "Consecutive messages of a campaign that are refused permanently, for reasons other than their recipients, before the campaign is paused",
      ),
    })
    .meta({ description: "When a provider is no longer used, and when it is tried again" }),
  health: z
    .strictObject({
      windowMinutes: whole(1, 1_440, 15, "The window over which rates are computed"),
      deliveryRate: z
        .strictObject({ good: share(0.95), poor: share(0.85) })
        .refine(...falling("good", "poor")),
      errorRate: z
        .strictObject({ good: share(0.05), poor: share(0.15) })
        .refine(...rising("good", "poor")),
      latencyMs: z
        .strictObject({ good: whole(1, 86_400_000, 500), poor: whole(1, 86_400_000, 2_000) })
        .refine(...rising("good", "poor")),
      oldestDueSeconds: z
        .strictObject({ good: whole(1, 86_400, 60), poor: whole(1, 86_400, 600) })
        .refine(...rising("good", "poor")),
      backlog: z
        .strictObject({ warning: whole(1, 10_000_000, 100), critical: whole(1, 10_000_000, 500) })
        .refine(...rising("warning", "critical")),
      memory: z
        .strictObject({ warning: share(0.8), critical: share(0.95) })
        .refine(...rising("warning", "critical")),
    })
    .meta({ description: "The thresholds at which a figure is good, and at which it is poor" }),
  snoozeMaximumDays: whole(1, 365, 30, "The longest time for which a message can be snoozed"),
});

/** A change of the policy: a merge patch. A null resets a part to its preset. */
export const policyPatch = mergePatchOf(policy);

export type Policy = z.output<typeof policy>;

/** The policy before anybody changes it: version 0. */
export const defaultPolicy: Policy = {
  preferences: {
    channels: Object.fromEntries(
      channels.map((channel) => [channel, true]),
    ) as Policy["preferences"]["channels"],
    channelOrder: [...channels],
    batching: { enabled: true, maximumSize: 5, windowMinutes: 30 },
    maxPerHour: 10,
    digest: { mode: "immediate", time: "08:00", weekday: "monday" },
    minimumPriority: "low",
    quietHours: [],
    quietHoursEnabled: true,
    doNotDisturb: [],
    doNotDisturbEnabled: true,
    intelligentTiming: false,
    learning: true,
  },
  limits: { perMinute: 10, perHour: 100, perDay: 500, burst: null },
  route: null,
  deduplicationSeconds: 300,
  release: { recipientSeconds: 60, channelPerSecond: 500 },
  batching: {
    itemsShown: 5,
    underLoad: { backlog: 500, delaySeconds: 30, maximumSize: 20, windowMinutes: 60 },
  },
  digest: { itemsShownPerType: 10, template: null },
  timing: { maximumWaitMinutes: 240, minimumLooks: 10 },
  breaker: {
    failures: 5,
    withinSeconds: 300,
    failureShare: 0.5,
    windowCalls: 100,
    openSeconds: 60,
    trials: 3,
    campaignRefusals: 20,
  },
  health: {
    windowMinutes: 15,
    deliveryRate: { good: 0.95, poor: 0.85 },
    errorRate: { good: 0.05, poor: 0.15 },
    latencyMs: { good: 500, poor: 2_000 },
    oldestDueSeconds: { good: 60, poor: 600 },
    backlog: { warning: 100, critical: 500 },
    memory: { warning: 0.8, critical: 0.95 },
  },
  snoozeMaximumDays: 30,
};

/**
 * Builds a policy from a merge patch of the presets. A value that was added after the patch was stored has its preset.
 * @throws {z.ZodError} if the result is not a policy
 */
export function buildPolicy(changes: unknown): Policy {
  return policy.parse(mergePatch(defaultPolicy, changes));
}

/** Finds how a policy differs from the presets: the merge patch that `buildPolicy` takes. */
export function findPolicyChanges(changed: Policy): Record<string, unknown> {
  return patchBetween(defaultPolicy, changed);
}
