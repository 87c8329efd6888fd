import { z } from "zod";
import { channels } from "../channel.ts";
import { resourceKey } from "../key.ts";
import { recipientLimits } from "./limits.ts";
import { mergePatch, mergePatchOf, patchBetween } from "../merge-patch.ts";
import { preferenceDefaults } from "./preferences.ts";

const between = (min: number, max: number) => `must be from ${min} to ${max}`;

const whole = (min: number, max: number, example: number, description?: string) =>
  z
    .int(`must be a whole number from ${min} to ${max}`)
    .min(min, between(min, max))
    .max(max, between(min, max))
    .meta({ example, ...(description !== undefined && { description }) });

const share = (example: number) =>
  z.number().min(0, between(0, 1)).max(1, between(0, 1)).meta({ example });

/** For `refine`: of two thresholds the second is the higher one. */
const rising = <First extends string, Second extends string>(first: First, second: Second) =>
  [
    (given: Record<First | Second, number>) => given[first] <= given[second],
    { path: [second] as PropertyKey[], error: `must not be less than ${first}` },
  ] as const;

/** The second is the lower one. */
const falling = <First extends string, Second extends string>(first: First, second: Second) =>
  [
    (given: Record<First | Second, number>) => given[first] >= given[second],
    { path: [second] as PropertyKey[], error: `must not be more than ${first}` },
  ] as const;

/** What the organisation says where neither a type nor a recipient does, and what no one else may say. */
export const policy = z.strictObject({
  preferences: preferenceDefaults.meta({
    description: "What holds where neither a notification type nor a recipient says otherwise",
  }),
  limits: recipientLimits.meta({
    description:
      "Messages to one recipient within any minute, hour and day, whatever they wish; critical ones pass",
    example: { perMinute: 10, perHour: 100, perDay: 500 },
  }),
  deduplicationSeconds: whole(0, 86_400, 300, "The same is not told to a recipient twice within"),
  release: z
    .strictObject({
      recipientSeconds: whole(0, 3_600, 60, "Between two messages to one recipient"),
      channelPerSecond: z
        .number()
        .min(0.01, between(0.01, 100_000))
        .max(100_000, between(0.01, 100_000))
        .meta({ description: "By each channel, whatever its providers", example: 500 }),
    })
    .meta({ description: "What was held back goes out no faster than this" }),
  batching: z.strictObject({
    itemsShown: whole(1, 50, 5, "Members that a summary shows; the rest is a number"),
    underLoad: z
      .strictObject({
        backlog: whole(1, 10_000_000, 500, "From so many deliveries on that are due and not sent"),
        delaySeconds: whole(
          1,
          86_400,
          30,
          "Or from when the oldest of them has been due for so long",
        ),
        maximumSize: whole(2, 20, 20),
        windowMinutes: whole(5, 120, 60),
      })
      .meta({
        description:
          "When batches become larger and longer, and up to what. What a recipient said is never exceeded.",
      }),
  }),
  digest: z.strictObject({
    itemsShownPerType: whole(1, 50, 10, "Members shown of each type; the rest is a number"),
    template: resourceKey.nullable().meta({
      description:
        "Key of the template that a digest goes out with; null: the one that comes with Tidings",
      example: "our-digest",
    }),
  }),
  timing: z.strictObject({
    maximumWaitMinutes: whole(
      1,
      1_440,
      240,
      "A message waits for its recipient's best hour no longer than this",
    ),
    minimumLooks: whole(
      1,
      1_000,
      10,
      "Looks that have to be known before an hour counts as the best",
    ),
  }),
  breaker: z
    .strictObject({
      failures: whole(
        1,
        1_000,
        5,
        "Consecutive failures that open it, where their share is reached",
      ),
      withinSeconds: whole(1, 86_400, 300, "Within what time they have to be"),
      failureShare: share(0.5).meta({
        description:
          "The share of a worker's latest calls that have to fail for it to open, unless four times as many fail in a row; with 0, consecutive failures open it whatever their share",
      }),
      windowCalls: whole(
        1,
        10_000,
        100,
        "The calls, within that time, of which the share is taken",
      ),
      openSeconds: whole(1, 86_400, 60, "How long it stays open before it is tried"),
      trials: whole(
        1,
        100,
        3,
        "Calls that are made before it closes: fewer than the share of them may fail",
      ),
      campaignRefusals: whole(
        2,
        10_000,
        20,
        "Messages of a campaign that are refused for good in a row, for no fault of their recipients, before it is paused",
      ),
    })
    .meta({ description: "When a provider is left alone, and when it is tried again" }),
  health: z
    .strictObject({
      windowMinutes: whole(1, 1_440, 15, "The window that rates are taken over"),
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
    .meta({ description: "From when on a figure is good, and from when on it is poor" }),
  snoozeMaximumDays: whole(1, 365, 30, "No message is snoozed for longer"),
});

/** What of it is to be changed: a merge patch, whose null lets a part take its preset again. */
export const policyPatch = mergePatchOf(policy);

export type Policy = z.output<typeof policy>;

/** What holds where nobody has said anything else: version 0. */
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
    doNotDisturb: [],
    intelligentTiming: false,
    learning: true,
  },
  limits: { perMinute: 10, perHour: 100, perDay: 500 },
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

/** A policy, from what of it differs from the presets (a merge patch): a value that is new here has its preset. */
export function policyFrom(changes: unknown): Policy {
  return policy.parse(mergePatch(defaultPolicy, changes));
}

/** What of a policy differs from the presets: the merge patch that makes it of them. */
export function policyChanges(changed: Policy): Record<string, unknown> {
  return patchBetween(defaultPolicy, changed);
}
