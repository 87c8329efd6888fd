import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { channels } from "../channel.ts";
import { mergePatch, withoutEmpty } from "../merge-patch.ts";
import { defaultPolicy } from "./policy.ts";
import {
  digestModes,
  effectivePreferences,
  type Layers,
  findOrigin,
  type PreferencePath,
  preferenceDefaults,
  preferenceLayers,
  preferencePaths,
  preferenceRanges,
  type Preferences,
  preferences,
  tracePreferences,
  typePreferences,
  readPath,
} from "./preferences.ts";
import { weekdays } from "../time/local-time.ts";
import { priorities } from "../priority.ts";

const twoDigits = (below: number) =>
  fc.integer({ min: 0, max: below - 1 }).map((n) => String(n).padStart(2, "0"));
const clock = fc.tuple(twoDigits(24), twoDigits(60)).map((parts) => parts.join(":"));
const period = fc.record({ start: clock, end: clock }).filter(({ start, end }) => start !== end);
const inRange = (path: keyof typeof preferenceRanges) => {
  const { minimum: min, maximum: max } = preferenceRanges[path];
  return fc.integer({ min, max });
};

/** Valid values for each path. */
const valuesAt = {
  ...(Object.fromEntries(
    channels.map((channel) => [`channels.${channel}`, fc.boolean()]),
  ) as Record<`channels.${(typeof channels)[number]}`, fc.Arbitrary<boolean>>),
  channelOrder: fc.shuffledSubarray([...channels]),
  "batching.enabled": fc.boolean(),
  "batching.maximumSize": inRange("batching.maximumSize"),
  "batching.windowMinutes": inRange("batching.windowMinutes"),
  maxPerHour: inRange("maxPerHour"),
  "digest.mode": fc.constantFrom(...digestModes),
  "digest.time": fc
    .tuple(twoDigits(24), fc.constantFrom("00", "15", "30", "45"))
    .map((parts) => parts.join(":")),
  "digest.weekday": fc.constantFrom(...weekdays),
  minimumPriority: fc.constantFrom(...priorities),
  quietHours: fc.array(period, { maxLength: 4 }),
  quietHoursEnabled: fc.boolean(),
  doNotDisturb: fc.array(
    fc.tuple(fc.constantFrom(...weekdays), period).map(([weekday, rest]) => ({ weekday, ...rest })),
    { maxLength: 5 },
  ),
  doNotDisturbEnabled: fc.boolean(),
  intelligentTiming: fc.boolean(),
  learning: fc.boolean(),
} satisfies Record<PreferencePath, fc.Arbitrary<unknown>>;

type Flat = Partial<Record<PreferencePath, unknown>>;

/** The document with these values at their paths. */
function nested(flat: Flat): Record<string, unknown> {
  const document: Record<string, unknown> = {};
  for (const [path, value] of Object.entries(flat)) {
    const [first, second] = path.split(".") as [string, string?];
    if (second === undefined) document[first] = value;
    else document[first] = { ...(document[first] as object), [second]: value };
  }
  return document;
}

const partly = fc.record(valuesAt, { requiredKeys: [] }) as fc.Arbitrary<Flat>;
const whole = fc.record(valuesAt) as fc.Arbitrary<Flat>;
const types = fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), fc.boolean(), { maxKeys: 3 });

interface FlatLayers {
  organisation: Flat;
  type: Flat | null;
  recipient: Flat | null;
}

const flatLayers = fc.record({
  organisation: whole,
  type: fc.option(partly),
  recipient: fc.option(partly),
});

const layersOf = ({ organisation, type, recipient }: FlatLayers): Layers => ({
  organisation: preferenceDefaults.parse(nested(organisation)),
  type: type && typePreferences.parse(nested(type)),
  recipient: recipient && preferences.parse(nested(recipient)),
});

/** The strongest layer that has a value at `path`, and that value. */
function findStrongest(layers: FlatLayers, path: PreferencePath) {
  const from = preferenceLayers.findLast((layer) => layers[layer] && path in layers[layer])!;
  return { value: layers[from]![path], from };
}

describe("the preferences that apply to a recipient and a type", () => {
  it("have at each path the value of the strongest layer, which is also its origin", () => {
    fc.assert(
      fc.property(flatLayers, (flat) => {
        const layers = layersOf(flat);
        const effective = effectivePreferences(layers);
        const traced = tracePreferences(layers);
        for (const path of preferencePaths) {
          const expected = findStrongest(flat, path);
          expect(readPath(path, effective)).toEqual(expected.value);
          expect(findOrigin(path, layers)).toBe(expected.from);
          expect(traced[path]).toEqual(expected);
        }
      }),
    );
  });

  it("have every value, and are valid as the organisation's preferences", () => {
    fc.assert(
      fc.property(flatLayers, (flat) => {
        const { types: on, ...rest } = effectivePreferences(layersOf(flat));
        expect(on).toEqual({});
        expect(preferenceDefaults.parse(rest)).toEqual(rest);
        for (const path of preferencePaths) expect(readPath(path, rest)).toBeDefined();
      }),
    );
  });

  it("change at one path only when a recipient changes that path, and change back", () => {
    const change = fc
      .constantFrom(...preferencePaths)
      .chain((path) => valuesAt[path].map((value) => ({ path, value: value as unknown })));
    fc.assert(
      fc.property(flatLayers, change, (flat, { path, value }) => {
        const before = layersOf(flat);
        const patched = (patch: unknown): Layers => ({
          ...before,
          recipient: withoutEmpty(mergePatch(before.recipient ?? {}, patch) as Preferences),
        });
        const changed = tracePreferences(patched(nested({ [path]: value })));
        const cleared = tracePreferences(patched(nested({ [path]: null })));
        const old = tracePreferences(before);
        for (const other of preferencePaths.filter((one) => one !== path)) {
          expect(changed[other]).toEqual(old[other]);
          expect(cleared[other]).toEqual(old[other]);
        }
        expect(changed[path]).toEqual({ value, from: "recipient" });
        expect(cleared[path]).toEqual(findStrongest({ ...flat, recipient: null }, path));
      }),
    );
  });

  it("leave the layers unchanged", () => {
    fc.assert(
      fc.property(flatLayers, (flat) => {
        const layers = layersOf(flat);
        const before = structuredClone(layers);
        effectivePreferences(layers);
        expect(layers).toEqual(before);
      }),
    );
  });

  it("switch types as the recipient alone chooses", () => {
    fc.assert(
      fc.property(flatLayers, types, (flat, on) => {
        const layers = layersOf(flat);
        const recipient = { ...layers.recipient, types: on };
        expect(effectivePreferences({ ...layers, recipient }).types).toEqual(on);
      }),
    );
  });
});

describe("preferencePaths", () => {
  it("cover every value", () => {
    const leaves = (value: unknown, path: string[] = []): string[] =>
      typeof value === "object" && value !== null && !Array.isArray(value)
        ? Object.entries(value).flatMap(([key, part]) => leaves(part, [...path, key]))
        : [path.join(".")];
    expect(leaves(defaultPolicy.preferences).toSorted()).toEqual([...preferencePaths].toSorted());
  });
});

describe("a value out of its range", () => {
  it.each(Object.entries(preferenceRanges))("is refused with its range: %s", (path, range) => {
    const { minimum, maximum, of } = range;
    const parse = (value: number) => preferences.safeParse(nested({ [path]: value }));
    expect(parse(minimum).success && parse(maximum).success).toBe(true);
    for (const value of [minimum - 1, maximum + 1, minimum + 0.5, 1e300])
      expect(parse(value).error?.issues[0]?.message).toMatch(
        new RegExp(`^must be .*from ${minimum} to ${maximum}`),
      );
    expect(parse(maximum + 1).error?.issues[0]?.message).toContain(of);
  });
});
