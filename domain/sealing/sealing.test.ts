import { createSecretKey, randomBytes } from "node:crypto";
import { inspect } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { SealedPlace } from "../sealer.ts";
import { canaryPlace, canaryText } from "./columns.ts";
import { describeKeyFault, openKeySet, type StoredKeys } from "./key-set.ts";
import { type MasterKey, parseMasterKeys, unwrapDataKey, wrapDataKey } from "./master-keys.ts";
import { dataKeyIdOf, openValue, sealValue } from "./sealed-value.ts";

const encode = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
const master = (id: string): MasterKey => ({ id, key: createSecretKey(randomBytes(32)) });
const dataKey = (id: number) => ({ id, key: createSecretKey(randomBytes(32)) });

const place = fc.record<SealedPlace>({
  table: fc.string(),
  column: fc.string(),
  row: fc.oneof(fc.uuid(), fc.string({ unit: "binary" })),
});
const value = fc.uint8Array({ maxLength: 300 });
const keyId = fc.integer({ min: 1, max: 2 ** 31 - 1 });

describe("a sealed value", () => {
  it("opens in its place, names its key, and does not contain the value", () => {
    fc.assert(
      fc.property(keyId, value, place, (id, bytes, at) => {
        const key = dataKey(id);
        const sealed = sealValue(key, bytes, at);
        expect(dataKeyIdOf(sealed)).toBe(id);
        expect(sealed).toHaveLength(1 + 4 + 12 + bytes.length + 16);
        expect(openValue(key, sealed, at)).toEqual(Buffer.from(bytes));
        if (bytes.length > 4) expect(sealed.includes(Buffer.from(bytes))).toBe(false);
        expect(sealValue(key, bytes, at)).not.toEqual(sealed);
      }),
    );
  });

  it("does not open if a bit was flipped, or if it was cut off or extended", () => {
    fc.assert(
      fc.property(value, place, fc.nat(), fc.nat({ max: 7 }), (bytes, at, index, bit) => {
        const key = dataKey(7);
        const open = (sealed: Uint8Array) =>
          dataKeyIdOf(sealed) === null ? null : openValue(key, sealed, at);
        const sealed = sealValue(key, bytes, at);
        const flipped = Buffer.from(sealed);
        flipped[index % sealed.length]! ^= 1 << bit;
        // A flipped bit in the id makes it another key, which did not seal it.
        expect([null, 7].includes(dataKeyIdOf(flipped)) ? open(flipped) : null).toBeNull();
        expect(open(sealed.subarray(0, index % sealed.length))).toBeNull();
        expect(open(Buffer.concat([sealed, Buffer.of(bit)]))).toBeNull();
      }),
    );
  });

  it("does not open with the right key under another id", () => {
    const { key } = dataKey(1);
    const at = { table: "t", column: "c", row: "r" };
    const sealed = sealValue({ id: 1, key }, Buffer.from("value"), at);
    sealed.writeUInt32BE(2, 1);
    expect(openValue({ id: 2, key }, sealed, at)).toBeNull();
  });

  it("does not open in another row, column or table", () => {
    fc.assert(
      fc.property(value, place, place, (bytes, at, other) => {
        const key = dataKey(1);
        const sealed = sealValue(key, bytes, at);
        for (const moved of [
          { ...at, row: other.row },
          { ...at, column: other.column },
          { ...at, table: other.table },
          { ...at, table: at.column, column: at.table },
          { table: `${at.table}${at.column}`, column: "", row: at.row },
        ])
          expect(openValue(key, sealed, moved) === null).toBe(
            moved.table !== at.table || moved.column !== at.column || moved.row !== at.row,
          );
      }),
    );
  });
});

describe("master keys", () => {
  const [one, two] = [randomBytes(32), randomBytes(32)];

  it.each([
    `k2:${encode(two)},k1:${encode(one)}`,
    `k2:${encode(two).replace(/=+$/, "")}\nk1:${encode(one).replace(/=+$/, "")}\n`,
    `k2:${two.toString("base64url")}, k1:${one.toString("base64url")}`,
  ])("are read in their order, in each usual form: %#", (text) => {
    const keys = parseMasterKeys(text)!;
    expect(keys.map(({ id, key }) => [id, key.export()])).toEqual([
      ["k2", two],
      ["k1", one],
    ]);
    expect(inspect(keys, { depth: 5 }) + JSON.stringify(keys)).not.toContain(encode(one));
  });

  it("may be none", () => {
    expect(parseMasterKeys("")).toEqual([]);
    expect(parseMasterKeys(" \n")).toEqual([]);
  });

  it.each([
    encode(one),
    `:${encode(one)}`,
    `k1:${encode(one.subarray(1))}`,
    `k1:${encode(Buffer.concat([one, two]))}`,
    `k1:${"*".repeat(43)}`,
    `k1:${encode(one)},k1:${encode(two)}`,
    `k1:${encode(one)};k2:${encode(two)}`,
    `${"k".repeat(33)}:${encode(one)}`,
  ])("are refused in another form: %#", (text) => expect(parseMasterKeys(text)).toBeNull());

  it("unwrap what they have wrapped, under the same ids only", () => {
    const [k1, k2] = [master("k1"), master("k2")];
    const { key } = dataKey(3);
    const row = wrapDataKey(key, 3, k1);
    expect(row).toMatchObject({ id: 3, wrappedBy: "k1" });
    expect(unwrapDataKey(row, k1)!.equals(key)).toBe(true);
    expect(Buffer.from(row.wrapped).includes(key.export())).toBe(false);
    expect(unwrapDataKey(row, k2)).toBeNull();
    expect(unwrapDataKey({ ...row, id: 4 }, k1)).toBeNull();
    expect(unwrapDataKey({ ...row, wrappedBy: "k2" }, { ...k1, id: "k2" })).toBeNull();
    for (let at = 0; at < row.wrapped.length; at += 1) {
      const wrapped = Buffer.from(row.wrapped);
      wrapped[at]! ^= 1;
      expect(unwrapDataKey({ ...row, wrapped }, k1)).toBeNull();
      expect(unwrapDataKey({ ...row, wrapped: row.wrapped.subarray(0, at) }, k1)).toBeNull();
    }
  });
});

describe("the data keys of an installation", () => {
  const [k1, k2] = [master("k1"), master("k2")];
  const [first, second] = [dataKey(1), dataKey(2)];
  const rotated = (): StoredKeys => ({
    rows: [
      { ...wrapDataKey(first.key, 1, k1), retired: true },
      { ...wrapDataKey(second.key, 2, k2), retired: false },
    ],
    canary: sealValue(second, canaryText, canaryPlace),
  });
  const faultsOf = (stored: StoredKeys, keys: MasterKey[]) => {
    const { active, faults } = openKeySet(stored, keys);
    return { active: active?.id ?? null, faults };
  };

  it("are all there, and the newest one seals", () => {
    expect(faultsOf(rotated(), [k2, k1])).toEqual({ active: 2, faults: [] });
    expect(faultsOf({ rows: [], canary: null }, [k1])).toEqual({ active: null, faults: [] });
  });

  it("cannot be used without their master key, and the newest one seals although an older one is missing", () => {
    expect(faultsOf(rotated(), [k2])).toEqual({
      active: 2,
      faults: [{ kind: "lacking", masterKey: "k1", dataKeys: [1] }],
    });
    expect(faultsOf(rotated(), [k1])).toEqual({
      active: null,
      faults: [{ kind: "lacking", masterKey: "k2", dataKeys: [2] }],
    });
    expect(faultsOf(rotated(), [])).toMatchObject({ active: null, faults: [{}, {}] });
    expect(faultsOf(rotated(), [{ ...k1, id: "k2" }, k1])).toEqual({
      active: null,
      faults: [{ kind: "different", masterKey: "k2", dataKeys: [2] }],
    });
  });

  it("do not seal unless the canary opens", () => {
    const stored = rotated();
    const canary = { active: null, faults: [{ kind: "canary" }] };
    expect(faultsOf({ ...stored, canary: null }, [k2, k1])).toEqual(canary);
    expect(
      faultsOf({ ...stored, canary: sealValue(dataKey(2), canaryText, canaryPlace) }, [k2, k1]),
    ).toEqual(canary);
    expect(
      faultsOf({ ...stored, canary: sealValue(second, Buffer.from("else"), canaryPlace) }, [
        k2,
        k1,
      ]),
    ).toEqual(canary);
    expect(faultsOf({ ...stored, canary: Buffer.from("short") }, [k2, k1])).toEqual(canary);
  });

  it("are lost if the canary names a key that is not there", () => {
    const { canary } = rotated();
    expect(faultsOf({ rows: [], canary }, [k2, k1])).toEqual({
      active: null,
      faults: [{ kind: "lost", dataKeys: [2] }],
    });
  });

  it("are described with the id of the missing key and the number of values that need it", () => {
    const counts = new Map([
      [1, 14],
      [2, 1],
    ]);
    const texts = (
      [
        { kind: "lacking", masterKey: "k1", dataKeys: [1, 3] },
        { kind: "different", masterKey: "k2", dataKeys: [2] },
        { kind: "lost", dataKeys: [2] },
      ] as const
    ).map((fault) => describeKeyFault({ ...fault, dataKeys: [...fault.dataKeys] }, counts));
    expect(texts).toEqual([
      "SEALING_KEYS lacks the key k1, which 14 stored values need. Add it again, behind the others.",
      "The key k2 in SEALING_KEYS is not the original one, which 1 stored value needs. Set the original one.",
      "The table data_keys lacks the data key 2, which 1 stored value needs. Restore the table from a backup.",
    ]);
    expect(describeKeyFault({ kind: "lost", dataKeys: [2] }, null)).toContain(
      "which stored values need",
    );
    expect(describeKeyFault({ kind: "canary" }, null)).toContain("sealing_canary");
  });
});
