import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  creationOf,
  firstUuidAt,
  idPrefixes,
  newUuid,
  parsePublicId,
  publicId,
  publicIdPattern,
  type IdKind,
} from "./ids.ts";

const kinds = fc.constantFrom(...(Object.keys(idPrefixes) as IdKind[]));

describe("ids", () => {
  it("are parsed from their public form, and only as their own kind", () => {
    fc.assert(
      fc.property(kinds, kinds, fc.uuid(), (kind, other, uuid) => {
        expect(parsePublicId(kind, publicId(kind, uuid))).toBe(uuid);
        if (other !== kind) expect(parsePublicId(other, publicId(kind, uuid))).toBeNull();
      }),
    );
  });

  it("are null for any other text, without an exception", () => {
    fc.assert(
      fc.property(kinds, fc.string({ maxLength: 25 }), (kind, text) => {
        expect(parsePublicId(kind, `${idPrefixes[kind]}_${text}`)).toBeNull();
      }),
    );
  });

  it("sort by creation time, in both forms", () => {
    const instants = [0, 1, 999, 1_000, 1_700_000_000_000, 1_700_000_000_001].map((ms) =>
      newUuid(new Date(ms)),
    );
    expect([...instants].sort()).toEqual(instants);
    const shown = instants.map((uuid) => publicId("delivery", uuid));
    expect([...shown].sort()).toEqual(shown);
  });

  it("have a lower bound for each instant that is above all older ids", () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 40 }), (ms) => {
        const bound = firstUuidAt(new Date(ms + 1));
        expect(newUuid(new Date(ms)) < bound).toBe(true);
        expect(newUuid(new Date(ms + 1)) >= bound).toBe(true);
      }),
    );
  });

  it("contain their creation time", () => {
    const instants = fc.date({
      min: new Date(1),
      max: new Date("2100-01-01"),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(instants, (instant) => {
        expect(creationOf(newUuid(instant))).toEqual(instant);
      }),
    );
  });

  it("match their pattern, and every text that matches it is an id", () => {
    fc.assert(
      fc.property(kinds, fc.uuid(), (kind, uuid) => {
        expect(publicId(kind, uuid)).toMatch(publicIdPattern(kind));
      }),
    );
    fc.assert(
      fc.property(fc.stringMatching(publicIdPattern("delivery")), (id) => {
        expect(parsePublicId("delivery", id)).not.toBeNull();
      }),
    );
  });

  it("are UUIDs of version 7 with the variant of RFC 9562", () => {
    expect(newUuid()).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
  });
});
