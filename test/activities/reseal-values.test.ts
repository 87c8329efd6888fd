import { MockActivityEnvironment } from "@temporalio/testing";
import { DefaultLogger } from "@temporalio/worker";
import type { Pool } from "pg";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  createResealValues,
  type ResealRound,
  type ResealValuesInput,
} from "../../activities/reseal-values.ts";
import { createLogger } from "../../config/logger.ts";
import { dataKeyIdOf } from "../../domain/sealing/sealed-value.ts";
import type { SealedPlace } from "../../domain/sealer.ts";
import type { MasterKey } from "../../domain/sealing/master-keys.ts";
import { resealRows } from "../../ledger/reseal.ts";
import { createSealer, type KeptSealer } from "../../ledger/sealer.ts";
import { executeOn } from "../../ledger/sql.ts";
import { useLedgerDatabase } from "../support/ledger-database.ts";
import { readAddress, sampleAddress, storeAddresses } from "../support/sealed-addresses.ts";
import { masterKey } from "../support/sealing.ts";

const database = useLedgerDatabase({ truncate: "data_keys, sealing_canary, addresses CASCADE" });
let pool: Pool;
beforeAll(() => void ({ pool } = database));

const [k1, k2] = [masterKey("k1"), masterKey("k2")];
const sealerWith = (...masterKeys: MasterKey[]) => createSealer({ pool, masterKeys });

let logged: string[];
beforeEach(() => void (logged = []));

function reseal(
  sealer: KeptSealer,
  {
    after = null,
    over = pool,
    ...environment
  }: Partial<ResealValuesInput> & {
    over?: Pick<Pool, "query">;
    heartbeatDetails?: ResealRound;
  } = {},
  onHeartbeat?: (details: ResealRound) => void,
): Promise<ResealRound> {
  const activity = createResealValues({
    pool: over,
    sealer,
    logger: createLogger("worker", "info", { write: (line) => void logged.push(line) }),
    roundMs: onHeartbeat ? 0 : 60_000,
  });
  const mock = new MockActivityEnvironment(environment, { logger: new DefaultLogger("ERROR") });
  if (onHeartbeat) mock.on("heartbeat", onHeartbeat);
  return mock.run(activity, { after }) as Promise<ResealRound>;
}

const keysOf = async (places: readonly SealedPlace[]) =>
  Promise.all(places.map(async (place) => dataKeyIdOf(await readAddress(pool, place))));

const resealedAt = async () =>
  (
    await pool.query<{ done: boolean }>(
      "SELECT resealed_at IS NOT NULL AS done FROM data_keys ORDER BY id",
    )
  ).rows.map(({ done }) => done);

const retireEarlier = () =>
  pool.query("UPDATE data_keys SET retired_at = retired_at - interval '2 hours'");

const nothing = { rewrapped: 0, resealed: 0, unopened: 0, next: null };

describe("sealing again", () => {
  it("does nothing without a rotation", async () => {
    const sealer = sealerWith(k1);
    const places = await storeAddresses(pool, sealer, 3);
    const before = await Promise.all(places.map((place) => readAddress(pool, place)));
    expect(await reseal(sealer)).toEqual(nothing);
    expect(await Promise.all(places.map((place) => readAddress(pool, place)))).toEqual(before);
  });

  it("seals every value with the new data key, page by page, and each opens as before", async () => {
    const sealer = sealerWith(k1);
    const places = await storeAddresses(pool, sealer, resealRows + 7);
    await sealerWith(k1).rotate(executeOn(pool));
    const [later] = await storeAddresses(pool, sealerWith(k1), 1);
    const untouched = await readAddress(pool, later!);

    // This sealer has read the keys before the rotation.
    expect(await reseal(sealer)).toEqual({ ...nothing, resealed: resealRows + 7 });
    expect(new Set(await keysOf(places))).toEqual(new Set([2]));
    expect(await readAddress(pool, later!)).toEqual(untouched);
    for (const place of [places[0]!, places.at(-1)!, later!])
      expect(await sealerWith(k1).open(await readAddress(pool, place), place)).toEqual(
        sampleAddress,
      );
    expect(await reseal(sealer)).toEqual(nothing);
  });

  it("looks for the retired key until no process can seal with it any more", async () => {
    const sealer = sealerWith(k1);
    await sealer.check();
    await sealerWith(k1).rotate(executeOn(pool));
    await reseal(sealerWith(k1));
    expect(await resealedAt()).toEqual([false, false]);
    // Another process, which did not know of the rotation yet.
    const places = await storeAddresses(pool, sealer, 1);
    expect(await keysOf(places)).toEqual([1]);
    await retireEarlier();
    expect(await reseal(sealerWith(k1))).toMatchObject({ resealed: 1 });
    expect(await keysOf(places)).toEqual([2]);
    expect(await resealedAt()).toEqual([true, false]);
    // The rows are not read any more.
    const reads: string[] = [];
    const over = {
      query: (text: string, values: unknown[]) => {
        reads.push(text);
        return pool.query(text, values);
      },
    } as unknown as Pool;
    expect(await reseal(sealerWith(k1), { over })).toEqual(nothing);
    expect(reads.filter((text) => text.includes("addresses"))).toEqual([]);
  });

  it("leaves a value alone that changes meanwhile", async () => {
    const sealer = sealerWith(k1);
    const [place] = (await storeAddresses(pool, sealer, 1)) as [SealedPlace];
    await sealerWith(k1).rotate(executeOn(pool));
    const replaced = await sealerWith(k1).seal(Buffer.from("another address"), place);
    const over = {
      query: async (text: string, values: unknown[]) => {
        if (text.startsWith("UPDATE addresses"))
          await pool.query("UPDATE addresses SET value = $2 WHERE id = $1", [place.row, replaced]);
        return pool.query(text, values);
      },
    } as unknown as Pool;
    expect(await reseal(sealer, { over })).toMatchObject({ resealed: 0 });
    expect(await readAddress(pool, place)).toEqual(replaced);
  });

  it("continues where the last round, or an interrupted attempt, ended", async () => {
    const sealer = sealerWith(k1);
    const places = await storeAddresses(pool, sealer, resealRows + 2);
    await sealerWith(k1).rotate(executeOn(pool));
    const beats: ResealRound[] = [];
    const first = await reseal(sealer, {}, (details) => void beats.push(details));
    const after = { column: 0, after: places[resealRows - 1]!.row };
    expect(first).toEqual({ ...nothing, resealed: resealRows, next: after });
    expect(beats).toEqual([first]);
    expect(await reseal(sealer, { heartbeatDetails: first })).toEqual({
      ...nothing,
      resealed: resealRows + 2,
    });
    expect(await reseal(sealer, { after })).toEqual(nothing);
    expect(new Set(await keysOf(places))).toEqual(new Set([2]));
  });

  it("counts values that cannot be opened, leaves them alone, and logs neither them nor keys", async () => {
    const sealer = sealerWith(k1);
    const [broken, whole] = (await storeAddresses(pool, sealer, 2)) as [SealedPlace, SealedPlace];
    await pool.query("UPDATE addresses SET value = value || '\\x00' WHERE id = $1", [broken.row]);
    const before = await readAddress(pool, broken);
    await sealerWith(k1).rotate(executeOn(pool));
    await retireEarlier();
    expect(await reseal(sealer)).toMatchObject({ resealed: 1, unopened: 1 });
    expect(await readAddress(pool, broken)).toEqual(before);
    expect(await keysOf([whole])).toEqual([2]);
    // A value names the key.
    expect(await resealedAt()).toEqual([false, false]);
    expect(logged).toHaveLength(1);
    expect(logged[0]).toContain("could not be opened");
    expect(logged[0]).not.toContain(k1.key.export().toString("base64"));
  });

  it("wraps the data keys with a new master key, after which the old one is not needed", async () => {
    const [place] = (await storeAddresses(pool, sealerWith(k1), 1)) as [SealedPlace];
    expect(await reseal(sealerWith(k2, k1))).toEqual({ ...nothing, rewrapped: 1 });
    expect(await reseal(sealerWith(k2, k1))).toEqual(nothing);
    expect(await sealerWith(k2).open(await readAddress(pool, place), place)).toEqual(sampleAddress);
  });

  it("ends at once without the right keys, and names the missing one", async () => {
    await storeAddresses(pool, sealerWith(k1), 1);
    await sealerWith(k1).rotate(executeOn(pool));
    expect(await reseal(sealerWith(k2))).toEqual(nothing);
    expect(logged[0]).toContain("SEALING_KEYS lacks the key k1, which 1 stored value needs.");
    expect(await reseal(sealerWith())).toEqual(nothing);
  });
});
