import { z } from "zod";
import { channels } from "../channel.ts";
import { resourceKey } from "../key.ts";
import { mergePatchOf } from "../merge-patch.ts";
import { priorities } from "../priority.ts";
import { weekdays } from "../time/local-time.ts";

export const digestModes = ["immediate", "hourly", "daily", "weekly"] as const;

export type Weekday = (typeof weekdays)[number];

/** The values that may be from one number to another, and of what. */
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

/** The end of a span: the end of the day has a name of its own. */
const endTime = z
  .string()
  .regex(/^(([01]\d|2[0-3]):[0-5]\d|24:00)$/, "must be a time of day from 00:00 to 24:00")
  .meta({ example: "07:00" });

const quarterHour = z
  .string()
  .regex(/^([01]\d|2[0-3]):(00|15|30|45)$/, "must be a quarter hour from 00:00 to 23:45")
  .meta({ example: "08:00" });

const span = { start: clockTime, end: endTime };
const notEmpty = ({ start, end }: { start: string; end: string }) => start !== end;
const notEmptyMessage = "must not end when it starts: a whole day is 00:00 to 24:00";

/** Every day from `start` to `end`, by the recipient's clock; over midnight where it ends before it starts. */
const quietSpan = z.strictObject(span).refine(notEmpty, notEmptyMessage);
/** From `start` on the weekday named; to the next day where it ends before it starts. */
const weekdaySpan = z
  .strictObject({ weekday: z.enum(weekdays), ...span })
  .refine(notEmpty, notEmptyMessage);

export type QuietSpan = z.output<typeof quietSpan>;
export type WeekdaySpan = z.output<typeof weekdaySpan>;

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
    description: "A batch goes out when it has so many messages",
    example: 5,
  }),
  windowMinutes: within("batching.windowMinutes").meta({
    description: "Or when its first has waited for so long",
    example: 30,
  }),
});

const digest = z.strictObject({
  mode: z.enum(digestModes).meta({
    description: "How often what may wait comes together in one message; `immediate`: it does not",
  }),
  time: quarterHour.meta({
    description: "Of a daily or weekly digest, by the recipient's clock",
    example: "08:00",
  }),
  weekday: z.enum(weekdays).meta({ description: "Of a weekly digest" }),
});

export type DigestPreferences = z.output<typeof digest>;

const common = {
  channels: byChannel.meta({ description: "Channels that are on or off" }),
  channelOrder: z
    .array(z.enum(channels))
    .max(channels.length, `must name at most ${channels.length} channels`)
    .refine(distinct, "must name each channel at most once")
    .meta({
      description: "Channels, the preferred first; those left out come last",
      example: ["push", "email"],
    }),
  batching,
  maxPerHour: within("maxPerHour").meta({
    description: "Messages within any hour",
    example: 10,
  }),
  digest,
  minimumPriority: z
    .enum(priorities)
    .meta({ description: "What is less urgent is not sent", example: "low" }),
  quietHours: z
    .array(quietSpan)
    .max(4, "must have at most 4 spans")
    .meta({ description: "Every day, by the recipient's clock" }),
  doNotDisturb: z
    .array(weekdaySpan)
    .max(50, "must have at most 50 spans")
    .meta({ description: "On days of the week, by the recipient's clock" }),
  intelligentTiming: z.boolean().meta({
    description: "What is not urgent may wait for the hour at which this person mostly looks",
    example: false,
  }),
  learning: z.boolean().meta({ description: "It may be learnt from when this person looks" }),
};

/** Every wish with a value: what the organisation presets. */
export const preferenceDefaults = z.strictObject(common);

const partly = z.strictObject({
  ...common,
  channels: byChannel.partial(),
  batching: batching.partial(),
  digest: digest.partial(),
});

/** What a notification type says instead of the organisation; what it leaves out stays. */
export const typePreferences = partly.partial();
type TypePreferences = z.output<typeof typePreferences>;

/** What a recipient says instead of the type or the organisation; what they leave out stays. */
export const preferences = partly
  .extend({
    types: z
      .record(resourceKey, z.boolean())
      .refine((types) => Object.keys(types).length <= 500, "must name at most 500 types")
      .meta({
        description: "Notification types that are on or off, by key; one that is left out is on",
        example: { "report.weekly": false },
      }),
  })
  .partial();
export type Preferences = z.output<typeof preferences>;

/** What of them is to be changed: a merge patch, whose null takes back what they said. */
export const preferencesPatch = mergePatchOf(preferences);

/** What holds for one recipient and one type. */
export interface EffectivePreferences extends z.output<typeof preferenceDefaults> {
  types: Readonly<Record<string, boolean>>;
}

/** Where a value comes from, the strongest last. */
export const preferenceLayers = ["organisation", "type", "recipient"] as const;
export type PreferenceLayer = (typeof preferenceLayers)[number];

export interface Layers {
  organisation: z.output<typeof preferenceDefaults>;
  type: TypePreferences | null;
  recipient: Preferences | null;
}

/** The organisation's, overridden by the type's, overridden by the recipient's, value by value. */
export function effectivePreferences({
  organisation,
  type,
  recipient,
}: Layers): EffectivePreferences {
  const merged = type === null ? organisation : over(organisation, type);
  if (recipient === null) return { ...merged, types: noTypes };
  return { ...over(merged, recipient), types: recipient.types ?? noTypes };
}

const noTypes = {};

function over(
  base: z.output<typeof preferenceDefaults>,
  by: Omit<Preferences, "types">,
): z.output<typeof preferenceDefaults> {
  const merged = laid(base, by);
  if (by.channels) merged.channels = laid(base.channels, by.channels);
  if (by.batching) merged.batching = laid(base.batching, by.batching);
  if (by.digest) merged.digest = laid(base.digest, by.digest);
  return merged;
}

/** A document has a key only where it has a value. */
const laid = <Value extends object>(base: Value, by: object): Value => ({ ...base, ...by });

export const channelPaths = channels.map((channel) => `channels.${channel}` as const);

/** The values that are merged one by one, as paths: what a reader is told the origin of. */
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
  "doNotDisturb",
  "intelligentTiming",
  "learning",
] as const;
export type PreferencePath = (typeof preferencePaths)[number];

/** Which layer the value at `path` comes from. */
export function originOf(path: PreferencePath, { type, recipient }: Layers): PreferenceLayer {
  if (valueAt(path, recipient) !== undefined) return "recipient";
  return valueAt(path, type) === undefined ? "organisation" : "type";
}

/** Each value that holds, and which layer it comes from. */
export function tracedPreferences(
  layers: Layers,
): Record<PreferencePath, { value: unknown; from: PreferenceLayer }> {
  const effective = effectivePreferences(layers);
  const traced = preferencePaths.map((path) => [
    path,
    { value: valueAt(path, effective), from: originOf(path, layers) },
  ]);
  return Object.fromEntries(traced) as ReturnType<typeof tracedPreferences>;
}

/** The value at `path`, undefined where there is none. */
export function valueAt(path: PreferencePath, document: object | null): unknown {
  let value: unknown = document;
  for (const key of path.split("."))
    value = (value as Record<string, unknown> | null | undefined)?.[key];
  return value;
}
