import { z } from "zod";
import { channels } from "./channel.ts";
import { resourceKey } from "./key.ts";
import { recipientLimits } from "./limits.ts";
import { mergePatch } from "./merge-patch.ts";
import { preferenceDefaults } from "./preferences.ts";

const whole = (min: number, max: number) =>
  z
    .int("must be a whole number")
    .min(min, `must be from ${min} to ${max}`)
    .max(max, `must be from ${min} to ${max}`);
const share = z.number().min(0, "must be from 0 to 1").max(1, "must be from 0 to 1");

/** What the organisation says where neither a type nor a recipient does, and what no one else may say. */
export const policy = z.strictObject({
  preferences: preferenceDefaults,
  /** To each recipient, whatever they wish. */
  limits: recipientLimits,
  /** The same is not told twice within. */
  deduplicationSeconds: whole(0, 86_400),
  /** What was held back comes one after the other. */
  release: z.strictObject({
    /** Between two messages to one recipient. */
    recipientSeconds: whole(0, 3_600),
    /** By each provider. */
    providerPerSecond: z.number().min(0.01, "must be at least 0.01").max(100_000),
  }),
  batching: z.strictObject({
    /** Members that a summary shows; the rest is a number. */
    itemsShown: whole(1, 50),
    /** From when on batches are larger and longer, and how far: a recipient's own words are never exceeded. */
    underLoad: z.strictObject({
      /** Deliveries that are due and not sent. */
      backlog: whole(1, 10_000_000),
      /** How long the oldest of them has been due. */
      delaySeconds: whole(1, 86_400),
      maximumSize: whole(2, 20),
      windowMinutes: whole(5, 120),
    }),
  }),
  digest: z.strictObject({
    /** Members shown of each type; the rest is a number. */
    itemsShownPerType: whole(1, 50),
    /** The template that several go out with, by its key; null: the one that comes with it. */
    template: resourceKey.nullable().default(null).meta({ example: "our-digest" }),
  }),
  timing: z.strictObject({
    /** A message waits for its recipient's best hour no longer than this. */
    maximumWaitMinutes: whole(1, 1_440),
    /** Looks that have to be known before an hour counts as the best. */
    minimumLooks: whole(1, 1_000),
  }),
  breaker: z.strictObject({
    /** Consecutive failures that open it, and within what time. */
    failures: whole(1, 1_000),
    withinSeconds: whole(1, 86_400),
    /** How long it stays open before it is tried. */
    openSeconds: whole(1, 86_400),
    /** Calls that have to pass before it closes. */
    trials: whole(1, 100),
  }),
  health: z.strictObject({
    /** The window that rates are taken over. */
    windowMinutes: whole(1, 1_440),
    deliveryRate: z.strictObject({ good: share, poor: share }),
    errorRate: z.strictObject({ good: share, poor: share }),
    latencyMs: z.strictObject({ good: whole(1, 86_400_000), poor: whole(1, 86_400_000) }),
    backlog: z.strictObject({ warning: whole(1, 10_000_000), critical: whole(1, 10_000_000) }),
    /** Of the memory that a process may use. */
    memory: z.strictObject({ warning: share, critical: share }),
  }),
  /** No message is snoozed for longer. */
  snoozeMaximumDays: whole(1, 365),
});

export type Policy = z.output<typeof policy>;

/** What holds where nobody has said anything else: version 0. */
export const presetPolicy: Policy = {
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
  release: { recipientSeconds: 60, providerPerSecond: 50 },
  batching: {
    itemsShown: 5,
    underLoad: { backlog: 500, delaySeconds: 30, maximumSize: 20, windowMinutes: 60 },
  },
  digest: { itemsShownPerType: 10, template: null },
  timing: { maximumWaitMinutes: 240, minimumLooks: 10 },
  breaker: { failures: 5, withinSeconds: 300, openSeconds: 60, trials: 3 },
  health: {
    windowMinutes: 15,
    deliveryRate: { good: 0.95, poor: 0.85 },
    errorRate: { good: 0.05, poor: 0.15 },
    latencyMs: { good: 500, poor: 2_000 },
    backlog: { warning: 100, critical: 500 },
    memory: { warning: 0.8, critical: 0.95 },
  },
  snoozeMaximumDays: 30,
};

/** A policy, from what of it differs from the presets (a merge patch): a value that is new here has its preset. */
export function policyFrom(changes: unknown): Policy {
  return policy.parse(mergePatch(presetPolicy, changes));
}
