// Generators for the tests of the policy: preferences, types and policies within their schemas, mostly near their boundaries.

import fc from "fast-check";
import { type NotificationType, typeDefinition } from "./notification-type.ts";
import { type Policy, policy, defaultPolicy } from "./policy.ts";
import { digestModes, type Preferences, preferences } from "./preferences.ts";
import { weekdays } from "../time/local-time.ts";
import { priorities } from "../priority.ts";

const zones = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"];
export const someZone = fc.constantFrom(...zones);
export const somePriority = fc.constantFrom(...priorities);

const pad = (part: number) => String(part).padStart(2, "0");
const clockTimes = fc
  .integer({ min: 0, max: 95 })
  .map((quarter) => `${pad(Math.floor(quarter / 4))}:${pad((quarter % 4) * 15)}`);
const periods = fc
  .record({ start: clockTimes, end: clockTimes })
  .filter(({ start, end }) => start !== end);

const optional = <Shape extends Record<string, fc.Arbitrary<unknown>>>(shape: Shape) =>
  fc.record(shape, { requiredKeys: [] });

const mostlyOn = fc.integer({ min: 0, max: 3 }).map((number) => number > 0);

/** Preferences of a recipient that switch no type or channel off. */
export const somePreferences: fc.Arbitrary<Preferences> = optional({
  batching: optional({
    enabled: fc.boolean(),
    maximumSize: fc.integer({ min: 2, max: 6 }),
    windowMinutes: fc.integer({ min: 5, max: 120 }),
  }),
  maxPerHour: fc.integer({ min: 1, max: 12 }),
  digest: optional({
    mode: fc.constantFrom(...digestModes),
    time: clockTimes,
    weekday: fc.constantFrom(...weekdays),
  }),
  quietHours: fc.array(periods, { maxLength: 2 }),
  quietHoursEnabled: mostlyOn,
  doNotDisturb: fc.array(
    fc
      .tuple(periods, fc.constantFrom(...weekdays))
      .map(([period, weekday]) => ({ ...period, weekday })),
    { maxLength: 3 },
  ),
  doNotDisturbEnabled: mostlyOn,
  intelligentTiming: fc.boolean(),
}).map((statedPreferences) => preferences.parse(statedPreferences));

/** Burst limits with windows that differ from those of the other limits, and some that do not. */
const someBurst = fc.option(
  fc.record({
    messages: fc.integer({ min: 1, max: 4 }),
    seconds: fc.constantFrom(1, 10, 60, 900, 3_600),
  }),
);

/** One to three types that differ in the parts that decisions use. */
export const someTypes: fc.Arbitrary<NotificationType[]> = fc
  .array(
    optional({
      batchable: fc.boolean(),
      digestable: fc.boolean(),
      mandatory: fc.boolean(),
      timeToLiveSeconds: fc.integer({ min: 600, max: 200_000 }),
      spreadMinutes: fc.integer({ min: 1, max: 60 }),
      limits: optional({
        perMinute: fc.integer({ min: 1, max: 3 }),
        perHour: fc.integer({ min: 1, max: 6 }),
        perDay: fc.integer({ min: 1, max: 20 }),
        burst: someBurst,
      }),
    }),
    { minLength: 1, maxLength: 3 },
  )
  .map((definitions) => definitions.map((definition, index) => createType(index + 1, definition)));

/** Creates a type that takes the default for every part left out of `definition`. */
export function createType(number: number, definition: object): NotificationType {
  const key = `type-${number}`;
  return {
    ...typeDefinition.parse({ name: key, ...definition }),
    id: key,
    key,
    number,
    version: 1,
  };
}

export const somePolicy: fc.Arbitrary<Policy> = fc
  .record({
    perMinute: fc.integer({ min: 1, max: 4 }),
    perHour: fc.integer({ min: 2, max: 20 }),
    perDay: fc.integer({ min: 5, max: 60 }),
    burst: someBurst,
    recipientSeconds: fc.constantFrom(0, 1, 60, 600),
    deduplicationSeconds: fc.constantFrom(0, 300, 7_200),
  })
  .map(({ recipientSeconds, deduplicationSeconds, ...limits }) =>
    policy.parse({
      ...defaultPolicy,
      limits,
      deduplicationSeconds,
      release: { ...defaultPolicy.release, recipientSeconds },
    }),
  );
