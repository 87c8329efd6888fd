import { z } from "zod";
import { type Channel, channels } from "../channel.ts";
import { resourceKey } from "../key.ts";
import { mergePatchOf } from "../merge-patch.ts";
import { priorities } from "../priority.ts";
import { trackingPreference } from "../tracking/settings.ts";
import { instantText } from "../time/instant.ts";
import { weekdays } from "../time/local-time.ts";

export const digestModes = ["immediate", "hourly", "daily", "weekly"] as const;

export type Weekday = (typeof weekdays)[number];

/** The numeric preferences: their least and greatest values, and their units. */
export const preferenceRanges = {
  "batching.maximumSize": { minimum: 2, maximum: 20, of: "messages" },
  "batching.windowMinutes": { minimum: 5, maximum: 120, of: "minutes" },
  maxPerHour: { minimum: 1, maximum: 1_000, of: "messages an hour" },
} as const satisfies Partial<
  Record<PreferencePath, { minimum: number; maximum: number; of: string }>
>;

function within(path: keyof typeof preferenceRanges) {
  const { minimum, maximum, of } = preferenceRanges[path];
  const message = `must be from ${minimum} to ${maximum} ${of}`;
  return z
    .int(`must be a whole number of ${of} from ${minimum} to ${maximum}`)
    .min(minimum, message)
    .max(maximum, message);
}

const clockTime = z
  .string()
  .regex(/^([01]\d|2[0-3]):[0-5]\d$/, "must be a time of day from 00:00 to 23:59")
  .meta({ example: "22:00" });

/** The end of a quiet period. The end of the day is 24:00. */
const endTime = z
  .string()
  .regex(/^(([01]\d|2[0-3]):[0-5]\d|24:00)$/, "must be a time of day from 00:00 to 24:00")
  .meta({ example: "07:00" });

const quarterHour = z
  .string()
  .regex(/^([01]\d|2[0-3]):(00|15|30|45)$/, "must be a quarter hour from 00:00 to 23:45")
  .meta({ example: "08:00" });

const period = { start: clockTime, end: endTime };
const notEmpty = ({ start, end }: { start: string; end: string }) => start !== end;
const notEmptyMessage = "must not end when it starts: a whole day is 00:00 to 24:00";

/** Every day from `start` to `end`, in the recipient's local time. A period that ends before it starts crosses midnight. */
const quietPeriod = z.strictObject(period).refine(notEmpty, notEmptyMessage);
/** From `start` on the given weekday. A period that ends before it starts ends on the next day. */
const weekdayPeriod = z
  .strictObject({ weekday: z.enum(weekdays), ...period })
  .refine(notEmpty, notEmptyMessage);

export type QuietPeriod = z.output<typeof quietPeriod>;
export type WeekdayPeriod = z.output<typeof weekdayPeriod>;

const byChannel = z.strictObject(
  Object.fromEntries(channels.map((channel) => [channel, z.boolean()])) as Record<
    (typeof channels)[number],
    z.ZodBoolean
  >,
);

const distinct = <Item>(items: readonly Item[]) => new Set(items).size === items.length;

const batching = z.strictObject({
  enabled: z.boolean(),
  maximumSize: within("batching.maximumSize").meta({
    description: "The number of messages at which a batch is sent",
    example: 5,
  }),
  windowMinutes: within("batching.windowMinutes").meta({
    description: "A batch is also sent when its first message has waited for this many minutes",
    example: 30,
  }),
});

const digest = z.strictObject({
  mode: z.enum(digestModes).meta({
    description:
      "How often messages of digestable types are sent together in one message. With `immediate` they are sent at once",
  }),
  time: quarterHour.meta({
    description: "The time of a daily or weekly digest, in the recipient's local time",
    example: "08:00",
  }),
  weekday: z.enum(weekdays).meta({ description: "The day of a weekly digest" }),
});

export type DigestPreferences = z.output<typeof digest>;

const common = {
  channels: byChannel.meta({ description: "Which channels are switched on" }),
  channelOrder: z
    .array(z.enum(channels))
    .max(channels.length, `must name at most ${channels.length} channels`)
    .refine(distinct, "must name each channel at most once")
    .meta({
      description: "Channels in the order of preference. Those left out come last",
      example: ["push", "email"],
    }),
  batching,
  maxPerHour: within("maxPerHour").meta({
    description: "The maximum number of messages within any hour",
    example: 10,
  }),
  digest,
  minimumPriority: z
    .enum(priorities)
    .meta({ description: "Messages of a lower priority are not sent", example: "low" }),
  quietHours: z.array(quietPeriod).max(4, "must have at most 4 periods").meta({
    description: "Periods of every day in which messages are held, in the recipient's local time",
  }),
  quietHoursEnabled: z.boolean().meta({
    description:
      "Whether the periods of `quietHours` hold messages. With false they are kept, but hold nothing",
    example: true,
  }),
  doNotDisturb: z.array(weekdayPeriod).max(50, "must have at most 50 periods").meta({
    description:
      "Periods of single weekdays in which messages are held, in the recipient's local time",
  }),
  doNotDisturbEnabled: z.boolean().meta({
    description:
      "Whether the periods of `doNotDisturb` hold messages. With false they are kept, but hold nothing",
    example: true,
  }),
  intelligentTiming: z.boolean().meta({
    description:
      "Whether normal and low messages may wait for the hour at which the recipient usually reads messages",
    example: false,
  }),
  learning: z.boolean().meta({
    description: "Whether that hour may be learnt from the links that the recipient opens",
  }),
};

/** Every preference with a value: the organisation's presets. */
export const preferenceDefaults = z.strictObject(common);

const partly = z.strictObject({
  ...common,
  channels: byChannel.partial(),
  batching: batching.partial(),
  digest: digest.partial(),
});

/** The preferences of a notification type. They override the organisation's; those left out stay as they are. */
export const typePreferences = partly.partial();
type TypePreferences = z.output<typeof typePreferences>;

/** Whether a type is switched on: on every channel, or channel by channel. */
const typeSwitch = z.union([z.boolean(), byChannel.partial()]);
export type TypeSwitch = z.output<typeof typeSwitch>;

/**
 * Whether a recipient has left a type switched on, on one channel or, without a channel, at all. A type that is switched off on some channels
 * is on.
 */
export const isTypeOn = (stated: TypeSwitch | undefined, channel?: Channel): boolean =>
  typeof stated === "object"
    ? channel === undefined || stated[channel] !== false
    : stated !== false;

/** The preferences of a recipient. They override the type's and the organisation's; those left out stay as they are. */
export const preferences = partly
  .extend({
    types: z
      .record(resourceKey, typeSwitch)
      .refine((types) => Object.keys(types).length <= 500, "must name at most 500 types")
      .meta({
        description:
          "Which notification types are switched on, by key: all of a type, or its channels one by one. A type or a channel that is left out is on",
        example: { "report.weekly": false, "team.news": { email: false } },
      }),
    tracking: trackingPreference.meta({
      description:
        "What senders may know of emails to the recipient: with false, opens or clicks are not tracked. What is left out is as senders ask",
      example: { opens: false },
    }),
    pausedUntil: instantText.meta({
      description:
        "Messages are held until this instant, as in a period of `doNotDisturb`. Left out, or in the past: they are not",
      example: "2027-03-01T08:00:00Z",
    }),
  })
  .partial();
export type Preferences = z.output<typeof preferences>;

/** A change of a recipient's preferences: a merge patch. A null removes a preference. */
export const preferencesPatch = mergePatchOf(preferences);

/** The preferences that apply to one recipient and one type. */
export interface EffectivePreferences extends z.output<typeof preferenceDefaults> {
  types: Readonly<Record<string, TypeSwitch>>;
  /** The instant until which the recipient has paused everything; left out if they never did. */
  pausedUntil?: string;
}

/** The layers that a value may come from. Each overrides those before it. */
export const preferenceLayers = ["organisation", "type", "recipient"] as const;
export type PreferenceLayer = (typeof preferenceLayers)[number];

export interface Layers {
  organisation: z.output<typeof preferenceDefaults>;
  type: TypePreferences | null;
  recipient: Preferences | null;
}

/** Merges the layers value by value: the recipient's preferences override the type's, which override the organisation's. */
export function effectivePreferences({
  organisation,
  type,
  recipient,
}: Layers): EffectivePreferences {
  const merged = type === null ? organisation : override(organisation, type);
  if (recipient === null) return { ...merged, types: noTypes };
  return { ...override(merged, recipient), types: recipient.types ?? noTypes };
}

const noTypes = {};

function override(
  base: z.output<typeof preferenceDefaults>,
  by: Omit<Preferences, "types" | "pausedUntil">,
): z.output<typeof preferenceDefaults> {
  const merged = overlay(base, by);
  if (by.channels) merged.channels = overlay(base.channels, by.channels);
  if (by.batching) merged.batching = overlay(base.batching, by.batching);
  if (by.digest) merged.digest = overlay(base.digest, by.digest);
  return merged;
}

/** Documents have no key with the value undefined, so every key in `by` overrides. */
const overlay = <Value extends object>(base: Value, by: object): Value => ({ ...base, ...by });

export const channelPaths = channels.map((channel) => `channels.${channel}` as const);

/** The paths of the values that are merged one by one. Each has an origin. */
export const preferencePaths = [
  ...channelPaths,
  "channelOrder",
  "batching.enabled",
  "batching.maximumSize",
  "batching.windowMinutes",
  "maxPerHour",
  "digest.mode",
  "digest.time",
  "digest.weekday",
  "minimumPriority",
  "quietHours",
  "quietHoursEnabled",
  "doNotDisturb",
  "doNotDisturbEnabled",
  "intelligentTiming",
  "learning",
] as const;
export type PreferencePath = (typeof preferencePaths)[number];

/** Finds the layer that the value at `path` comes from. */
export function findOrigin(path: PreferencePath, { type, recipient }: Layers): PreferenceLayer {
  if (readPath(path, recipient) !== undefined) return "recipient";
  return readPath(path, type) === undefined ? "organisation" : "type";
}

/** Each value that applies, with the layer that it comes from. */
export function tracePreferences(
  layers: Layers,
): Record<PreferencePath, { value: unknown; from: PreferenceLayer }> {
  const effective = effectivePreferences(layers);
  const traced = preferencePaths.map((path) => [
    path,
    { value: readPath(path, effective), from: findOrigin(path, layers) },
  ]);
  return Object.fromEntries(traced) as ReturnType<typeof tracePreferences>;
}

/** Reads the value at `path`; undefined if there is none. */
export function readPath(path: PreferencePath, document: object | null): unknown {
  let value: unknown = document;
  for (const key of path.split("."))
    value = (value as Record<string, unknown> | null | undefined)?.[key];
  return value;
}
