import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { channels } from "../channel.ts";
import { mergePatch, withoutEmpty } from "../merge-patch.ts";
import { defaultPolicy } from "./policy.ts";
import {
  digestModes,
  effectivePreferences,
  type Layers,
  originOf,
  type PreferencePath,
  preferenceDefaults,
  preferenceLayers,
  preferencePaths,
  preferenceRanges,
  type Preferences,
  preferences,
  tracedPreferences,
  typePreferences,
  valueAt,
} from "./preferences.ts";
import { weekdays } from "../time/local-time.ts";
import { priorities } from "../priority.ts";

const twoDigits = (below: number) =>
  fc.integer({ min: 0, max: below - 1 }).map((n) => String(n).padStart(2, "0"));
const clock = fc.tuple(twoDigits(24), twoDigits(60)).map((parts) => parts.join(":"));
const span = fc.record({ start: clock, end: clock }).filter(({ start, end }) => start !== end);
const inRange = (path: keyof typeof preferenceRanges) => {
  const { minimum: min, maximum: max } = preferenceRanges[path];
  return fc.integer({ min, max });
};

/** Values that may stand at each path. */
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
  quietHours: fc.array(span, { maxLength: 4 }),
  doNotDisturb: fc.array(
    fc.tuple(fc.constantFrom(...weekdays), span).map(([weekday, rest]) => ({ weekday, ...rest })),
    { maxLength: 5 },
  ),
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

interface Said {
  organisation: Flat;
  type: Flat | null;
  recipient: Flat | null;
}

const said = fc.record({
  organisation: whole,
  type: fc.option(partly),
  recipient: fc.option(partly),
});

const layersOf = ({ organisation, type, recipient }: Said): Layers => ({
  organisation: preferenceDefaults.parse(nested(organisation)),
  type: type && typePreferences.parse(nested(type)),
  recipient: recipient && preferences.parse(nested(recipient)),
});

/** The strongest layer that says something, and what. */
function strongest(layers: Said, path: PreferencePath) {
  const from = preferenceLayers.findLast((layer) => layers[layer] && path in layers[layer])!;
  return { value: layers[from]![path], from };
}

describe("what holds for a recipient and a type", () => {
  it("is at each path what the strongest layer says there, and that layer is where it comes from", () => {
    fc.assert(
      fc.property(said, (flat) => {
        const layers = layersOf(flat);
        const effective = effectivePreferences(layers);
        const traced = tracedPreferences(layers);
        for (const path of preferencePaths) {
          const expected = strongest(flat, path);
          expect(valueAt(path, effective)).toEqual(expected.value);
          expect(originOf(path, layers)).toBe(expected.from);
          expect(traced[path]).toEqual(expected);
        }
      }),
    );
  });

  it("has every value, and is as the organisation might have said it", () => {
    fc.assert(
      fc.property(said, (flat) => {
        const { types: on, ...rest } = effectivePreferences(layersOf(flat));
        expect(on).toEqual({});
        expect(preferenceDefaults.parse(rest)).toEqual(rest);
        for (const path of preferencePaths) expect(valueAt(path, rest)).toBeDefined();
      }),
    );
  });

  it("changes at one path only, if a recipient changes their mind there, and back", () => {
    const change = fc
      .constantFrom(...preferencePaths)
      .chain((path) => valuesAt[path].map((value) => ({ path, value: value as unknown })));
    fc.assert(
      fc.property(said, change, (flat, { path, value }) => {
        const before = layersOf(flat);
        const patched = (patch: unknown): Layers => ({
          ...before,
          recipient: withoutEmpty(mergePatch(before.recipient ?? {}, patch) as Preferences),
        });
        const changed = tracedPreferences(patched(nested({ [path]: value })));
        const cleared = tracedPreferences(patched(nested({ [path]: null })));
        const old = tracedPreferences(before);
        for (const other of preferencePaths.filter((one) => one !== path)) {
          expect(changed[other]).toEqual(old[other]);
          expect(cleared[other]).toEqual(old[other]);
        }
        expect(changed[path]).toEqual({ value, from: "recipient" });
        expect(cleared[path]).toEqual(strongest({ ...flat, recipient: null }, path));
      }),
    );
  });

  it("leaves what each layer said as it was", () => {
    fc.assert(
      fc.property(said, (flat) => {
        const layers = layersOf(flat);
        const before = structuredClone(layers);
        effectivePreferences(layers);
        expect(layers).toEqual(before);
      }),
    );
  });

  it("switches types as the recipient alone says", () => {
    fc.assert(
      fc.property(said, types, (flat, on) => {
        const layers = layersOf(flat);
        const recipient = { ...layers.recipient, types: on };
        expect(effectivePreferences({ ...layers, recipient }).types).toEqual(on);
      }),
    );
  });
});

describe("preferencePaths", () => {
  it("are all the values there are", () => {
    const leaves = (value: unknown, path: string[] = []): string[] =>
      typeof value === "object" && value !== null && !Array.isArray(value)
        ? Object.entries(value).flatMap(([key, part]) => leaves(part, [...path, key]))
        : [path.join(".")];
    expect(leaves(defaultPolicy.preferences).toSorted()).toEqual([...preferencePaths].toSorted());
  });
});

describe("a value out of its range", () => {
  it.each(Object.entries(preferenceRanges))("is refused, naming the range: %s", (path, range) => {
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
