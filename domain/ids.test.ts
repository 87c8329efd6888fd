import fc from "fast-check";
import { TypeID } from "typeid-js";
import { describe, expect, it } from "vitest";
import {
  creationOf,
  firstUuidAt,
  formatUuid,
  idPrefixes,
  newUuid,
  parsePublicId,
  publicId,
  publicIdPattern,
  type IdKind,
  writeUuid,
} from "./ids.ts";

/** The UUID that TypeID's library reads; null for a text that it refuses. */
function uuidOf(prefix: string, suffix: string): string | null {
  try {
    return formatUuid(Buffer.from(TypeID.fromString(`${prefix}_${suffix}`, prefix).toUUIDBytes()));
  } catch {
    return null;
  }
}

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

  it("are TypeIDs, as its own library writes and reads them", () => {
    const suffix = fc.oneof(
      fc.string({
        unit: fc.constantFrom(..."0123456789abcdefghjkmnpqrstvwxyz"),
        minLength: 26,
        maxLength: 26,
      }),
      fc.string({ unit: fc.constantFrom(..."01789AZilou-_"), minLength: 25, maxLength: 27 }),
    );
    fc.assert(
      fc.property(kinds, fc.uuid(), suffix, (kind, uuid, text) => {
        const prefix = idPrefixes[kind];
        expect(publicId(kind, uuid)).toBe(TypeID.fromUUID(prefix, uuid).toString());
        expect(parsePublicId(kind, `${prefix}_${text}`)).toBe(uuidOf(prefix, text));
      }),
    );
    for (const end of ["0".repeat(26), `7${"z".repeat(25)}`, `8${"0".repeat(25)}`])
      expect(parsePublicId("delivery", `dlv_${end}`)).toBe(uuidOf("dlv", end));
  });

  it("are written as 16 bytes", () => {
    fc.assert(
      fc.property(fc.uuid(), (uuid) => {
        const bytes = Buffer.alloc(18);
        writeUuid(bytes, uuid, 1);
        expect(formatUuid(bytes.subarray(1, 17))).toBe(uuid);
        expect([bytes[0], bytes[17]]).toEqual([0, 0]);
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
