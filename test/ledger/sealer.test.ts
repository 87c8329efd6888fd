import fc from "fast-check";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Pool } from "pg";
import { SealedValueError, type SealedPlace } from "../../domain/sealer.ts";
import type { MasterKey } from "../../domain/sealing/master-keys.ts";
import { newUuid } from "../../domain/ids.ts";
import { createSealer } from "../../ledger/sealer.ts";
import { executeOn } from "../../ledger/sql.ts";
import { useLedgerDatabase } from "../support/ledger-database.ts";
import { readAddress, storeAddresses } from "../support/sealed-addresses.ts";
import { masterKey } from "../support/sealing.ts";

const database = useLedgerDatabase({ truncate: "data_keys, sealing_canary, addresses CASCADE" });
let pool: Pool;
beforeAll(() => void ({ pool } = database));

const [k1, k2] = [masterKey("k1"), masterKey("k2")];
const at: SealedPlace = { table: "addresses", column: "value", row: newUuid() };
const secret = Buffer.from("https://push.example.org/send/a-secret");

const sealerWith = (...masterKeys: MasterKey[]) => createSealer({ pool, masterKeys });

const dataKeys = async () =>
  (
    await pool.query<{ id: number; wrappedBy: string; retired: boolean }>(
      `SELECT id, wrapped_by AS "wrappedBy", retired_at IS NOT NULL AS retired FROM data_keys ORDER BY id`,
    )
  ).rows;

const failure = (work: Promise<unknown>): Promise<Error> =>
  work.then(
    () => expect.unreachable("it worked"),
    (error: Error) => error,
  );

describe("a sealer", () => {
  it("seals and opens, in one process or another", async () => {
    const sealed = await sealerWith(k1).seal(secret, at);
    expect(Buffer.from(sealed).includes(secret)).toBe(false);
    expect(await sealerWith(k1).open(sealed, at)).toEqual(secret);
    expect(await dataKeys()).toEqual([{ id: 1, wrappedBy: "k1", retired: false }]);
  });

  it("refuses values that were changed, cut off or moved, without showing them", async () => {
    const sealer = sealerWith(k1);
    const sealed = await sealer.seal(secret, at);
    const refused = async (value: Uint8Array, place = at) => {
      const error = await failure(sealer.open(value, place));
      expect(error).toBeInstanceOf(SealedValueError);
      expect(error.message).not.toContain("secret");
    };
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: sealed.length - 1 }),
        fc.nat({ max: 7 }),
        async (index, bit) => {
          const flipped = Buffer.from(sealed);
          flipped[index]! ^= 1 << bit;
          await refused(flipped);
          await refused(sealed.subarray(0, index));
        },
      ),
      { numRuns: 200 },
    );
    await refused(sealed, { ...at, row: newUuid() });
    await refused(sealed, { ...at, column: "hash" });
    await refused(sealed, { ...at, table: "connections" });
    await refused(Buffer.from("never sealed, and stored by mistake in clear text"));
  });

  it("makes one data key, however many processes start at once", async () => {
    const sealers = Array.from({ length: 8 }, () => sealerWith(k1));
    const sealed = await Promise.all(sealers.map((sealer) => sealer.seal(secret, at)));
    expect(await dataKeys()).toHaveLength(1);
    for (const [index, value] of sealed.entries())
      expect(await sealers[(index + 1) % sealers.length]!.open(value, at)).toEqual(secret);
    expect(await Promise.all(sealers.map((sealer) => sealer.check()))).toEqual(
      sealers.map(() => ({ state: "up", fault: null, activeKey: 1 })),
    );
  });

  it("opens what another process has sealed with a data key that is new", async () => {
    const [a, b] = [sealerWith(k1), sealerWith(k1)];
    const [old] = [await a.seal(secret, at), await b.seal(secret, at)];
    expect(await a.rotate(executeOn(pool))).toEqual({ dataKey: 2, retired: 1 });
    const fresh = await sealerWith(k1).seal(secret, at);
    expect(Buffer.from(fresh).readUInt32BE(1)).toBe(2);
    // Many at once, while this process knows the first key only.
    const opened = await Promise.all(Array.from({ length: 20 }, () => b.open(fresh, at)));
    expect(opened).toEqual(opened.map(() => secret));
    expect(await b.open(old, at)).toEqual(secret);
    expect(Buffer.from(await b.seal(secret, at)).readUInt32BE(1)).toBe(2);
  });

  it("follows a rotation when what it has read is too old", async () => {
    const stale = createSealer({ pool, masterKeys: [k1], cacheMs: 0 });
    expect((await stale.check()).activeKey).toBe(1);
    await sealerWith(k1).rotate(executeOn(pool));
    expect(Buffer.from(await stale.seal(secret, at)).readUInt32BE(1)).toBe(2);
  });

  it("rotates once, if it is asked twice at once", async () => {
    const [a, b] = [sealerWith(k1), sealerWith(k1)];
    await Promise.all([a.check(), b.check()]);
    const rotations = await Promise.all([a.rotate(executeOn(pool)), b.rotate(executeOn(pool))]);
    // The second one either lost, or began after the first.
    const done = rotations.filter((rotation) => rotation !== null);
    expect(await dataKeys()).toHaveLength(1 + done.length);
    expect((await dataKeys()).filter(({ retired }) => !retired)).toHaveLength(1);
    expect(await sealerWith(k1).check()).toMatchObject({ state: "up" });
  });

  it("adds nothing if the transaction of a rotation is rolled back", async () => {
    const sealer = sealerWith(k1);
    const client = await pool.connect();
    await client.query("BEGIN");
    expect(await sealer.rotate(executeOn(client))).toEqual({ dataKey: 2, retired: 1 });
    await client.query("ROLLBACK");
    client.release();
    expect(await sealerWith(k1).check()).toMatchObject({ state: "up", activeKey: 1 });
  });
});

describe("without the right keys", () => {
  let sealed: Buffer;
  let place: SealedPlace;
  beforeEach(async () => {
    const sealer = sealerWith(k1);
    [place] = (await storeAddresses(pool, sealer, 2)) as [SealedPlace, SealedPlace];
    sealed = await readAddress(pool, place);
  });

  /** With these keys nothing is sealed or opened, and the fault says why. */
  async function expectFault(keys: MasterKey[], fault: string): Promise<Error> {
    const sealer = sealerWith(...keys);
    expect(await sealer.check()).toEqual({ state: "failing", fault, activeKey: null });
    const unsealed = await failure(sealer.seal(secret, place));
    expect(unsealed).toBeInstanceOf(SealedValueError);
    expect(unsealed.message).toContain(fault);
    expect(await failure(sealer.rotate(executeOn(pool)))).toBeInstanceOf(SealedValueError);
    const unopened = await failure(sealerWith(...keys).open(sealed, place));
    expect(unopened).toBeInstanceOf(SealedValueError);
    return unopened;
  }

  it.each([[[k2]], [[]]])("nothing is sealed or opened, and the key is named: %#", async (keys) => {
    const fault =
      "SEALING_KEYS lacks the key k1, which 2 stored values need. Add it again, behind the others.";
    expect((await expectFault(keys, fault)).message).toContain(fault);
    expect(await dataKeys()).toEqual([{ id: 1, wrappedBy: "k1", retired: false }]);
  });

  it("another key under the same id is not taken for it", async () => {
    await expectFault(
      [masterKey("k1", "another")],
      "The key k1 in SEALING_KEYS is not the original one, which 2 stored values need. Set the original one.",
    );
  });

  it("no data key is added in place of one that was removed", async () => {
    await pool.query("DELETE FROM data_keys");
    const { message } = await expectFault(
      [k1],
      "The table data_keys lacks the data key 1, which 2 stored values need. Restore the table from a backup.",
    );
    expect(message).toContain("The data key 1, which sealed the value, is missing.");
    expect(await dataKeys()).toEqual([]);
  });

  it("no value is sealed with data keys of another installation", async () => {
    const { rows } = await pool.query<{ value: Buffer }>("SELECT value FROM sealing_canary");
    await pool.query("TRUNCATE data_keys, sealing_canary");
    await sealerWith(k1).check();
    await pool.query("UPDATE sealing_canary SET value = $1", [rows[0]!.value]);
    await expectFault(
      [k1],
      "The canary cannot be opened: the tables data_keys and sealing_canary are not those of this installation. Restore both from the same backup as the other tables.",
    );
  });
});

describe("an installation without keys", () => {
  it("is off, and seals nothing", async () => {
    const sealer = sealerWith();
    const { state, fault } = await sealer.check();
    expect(state).toBe("off");
    expect(fault).toMatch(/^SEALING_KEYS is not set/);
    expect(await failure(sealer.seal(secret, at))).toBeInstanceOf(SealedValueError);
    expect(await dataKeys()).toEqual([]);
  });
});

describe("a new master key", () => {
  it("wraps all data keys again, and the old one is then not needed", async () => {
    const before = sealerWith(k1);
    const sealed = await before.seal(secret, at);
    await before.rotate(executeOn(pool));
    const both = sealerWith(k2, k1);
    expect(await both.open(sealed, at)).toEqual(secret);
    expect(await both.rewrap()).toBe(2);
    expect(await both.rewrap()).toBe(0);
    expect((await dataKeys()).map(({ wrappedBy }) => wrappedBy)).toEqual(["k2", "k2"]);
    expect(await sealerWith(k2).open(sealed, at)).toEqual(secret);
    expect(await sealerWith(k2).check()).toMatchObject({ state: "up", activeKey: 2 });
    expect(await sealerWith(k1).check()).toMatchObject({ state: "failing" });
  });

  it("leaves data keys alone that it cannot unwrap", async () => {
    await sealerWith(k1).check();
    expect(await sealerWith(k2).rewrap()).toBe(0);
    expect(await sealerWith().rewrap()).toBe(0);
    expect(await sealerWith(k1).check()).toMatchObject({ state: "up" });
  });
});
