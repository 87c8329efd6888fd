import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { offsetsBetween, parseTzif, TzifError } from "./tzif.ts";
import { encodeTzif } from "./tzif.testing.ts";

interface Fixture {
  /** Two ways to write the same zone, in base64. */
  slim: string;
  fat: string;
  /** Epoch seconds, and seconds ahead of UTC. */
  offsets: [number, number][];
}

const fixtures = JSON.parse(
  readFileSync(new URL("tzif.fixtures.json", import.meta.url), "utf8"),
) as { zones: Record<string, Fixture> };

const hour = 3_600;
const at = (text: string) => Date.parse(`${text}Z`) / 1_000;
const offsetAt = (file: Uint8Array, seconds: number) =>
  offsetsBetween(parseTzif(file), seconds * 1_000, seconds * 1_000 + 1)[0]!.offset / 1_000;
const spans = (file: Uint8Array, from: string, to: string) =>
  offsetsBetween(parseTzif(file), at(from) * 1_000, at(to) * 1_000).map(
    ({ offset, end }) =>
      `${offset / hour / 1_000} until ${new Date(end).toISOString().slice(0, 16)}`,
  );

describe("the files of a release", () => {
  const files = Object.entries(fixtures.zones);
  it.each(files)(
    "tell the offsets of %s that Python's zoneinfo does",
    (_, { slim, fat, offsets }) => {
      const expected = offsets.map(([, offset]) => offset);
      for (const file of [slim, fat])
        expect(offsets.map(([seconds]) => offsetAt(Buffer.from(file, "base64"), seconds))).toEqual(
          expected,
        );
    },
  );
});

describe("a TZif file", () => {
  const berlin = {
    first: hour,
    changes: [
      { at: at("2025-03-30T01:00"), offset: 2 * hour },
      { at: at("2025-10-26T01:00"), offset: hour },
    ],
    rule: "CET-1CEST,M3.5.0,M10.5.0/3",
  };

  it("continues by its footer after its last change", () => {
    expect(spans(encodeTzif(berlin), "2025-01-01T00:00", "2027-01-01T00:00")).toEqual([
      "1 until 2025-03-30T01:00",
      "2 until 2025-10-26T01:00",
      "1 until 2026-03-29T01:00",
      "2 until 2026-10-25T01:00",
      "1 until 2027-01-01T00:00",
    ]);
  });

  it("has its first type at any time before its first change", () => {
    expect(offsetAt(encodeTzif({ ...berlin, first: 3_208 }), at("1000-01-01T00:00"))).toBe(3_208);
  });

  it("keeps its last offset if it has no footer, or an empty one", () => {
    for (const version of [1, 2] as const)
      expect(
        spans(encodeTzif({ ...berlin, rule: "", version }), "2030-01-01T00:00", "2031-01-01T00:00"),
      ).toEqual(["1 until 2031-01-01T00:00"]);
  });

  it("may have a footer only", () => {
    const file = encodeTzif({ rule: berlin.rule, version: 3 });
    expect(spans(file, "1900-01-01T00:00", "1900-12-31T00:00")).toHaveLength(3);
    expect(
      spans(encodeTzif({ rule: "EST5EDT4,0/0,J365/25" }), "2026-06-01T00:00", "2028-06-01T00:00"),
    ).toEqual(["-4 until 2028-06-01T00:00"]);
  });

  it("has no adjacent spans with the same offset, and no empty ones", () => {
    const changes = fc
      .uniqueArray(fc.integer({ min: 0, max: 4_000_000_000 }), { maxLength: 20 })
      .map((times) => times.toSorted((a, b) => a - b));
    const offsets = fc.array(fc.constantFrom(-hour, 0, hour), { minLength: 21, maxLength: 21 });
    const rules = fc.constantFrom(
      "",
      berlin.rule,
      "EST5EDT4,0/0,J365/25",
      "IST-1GMT0,M10.5.0,M3.5.0/1",
    );
    fc.assert(
      fc.property(
        changes,
        offsets,
        rules,
        fc.integer({ min: 0, max: 5_000_000_000 }),
        (times, of, rule, from) => {
          const zone = parseTzif(
            encodeTzif({
              first: of[20]!,
              changes: times.map((time, index) => ({ at: time, offset: of[index]! })),
              rule,
            }),
          );
          const [begin, end] = [from * 1_000, from * 1_000 + 90_000_000_000];
          const found = offsetsBetween(zone, begin, end);
          for (const [index, span] of found.entries()) {
            const start = found[index - 1]?.end ?? begin;
            expect(span.end).toBeGreaterThan(start);
            expect(span.offset).not.toBe(found[index - 1]?.offset);
            // As asked for alone.
            for (const moment of [start, span.end - 1])
              expect(offsetsBetween(zone, moment, moment + 1)).toEqual([
                { offset: span.offset, end: moment + 1 },
              ]);
          }
          expect(found.at(-1)!.end).toBe(end);
        },
      ),
    );
  });

  it("is refused if it counts leap seconds", () => {
    expect(() => parseTzif(encodeTzif({ ...berlin, leapSeconds: [1, 2] }))).toThrow(
      "counts leap seconds",
    );
    // A list that says until when it is complete, and no more.
    expect(
      offsetAt(encodeTzif({ ...berlin, version: 4, leapSeconds: [0] }), at("2026-07-01T00:00")),
    ).toBe(2 * hour);
  });

  it("is either parsed or refused, for any bytes", () => {
    const file = encodeTzif(berlin);
    const refusable = (bytes: Uint8Array) => {
      try {
        offsetsBetween(parseTzif(bytes), 0, 1);
      } catch (error) {
        if (!(error instanceof TzifError)) throw error;
      }
    };
    for (let length = 0; length < file.length; length += 1)
      expect(() => parseTzif(file.subarray(0, length))).toThrow(TzifError);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(file.length - 1), fc.integer({ min: 0, max: 255 })), {
          maxLength: 6,
        }),
        (writes) => {
          const bytes = Uint8Array.from(file);
          for (const [index, byte] of writes) bytes[index] = byte;
          refusable(bytes);
        },
      ),
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), refusable));
  });
});
