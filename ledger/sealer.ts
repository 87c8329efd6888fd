import { performance } from "node:perf_hooks";
import type { Pool } from "pg";
import { type Sealer, SealedValueError } from "../domain/sealer.ts";
import {
  describeKeyFault,
  type KeySet,
  openKeySet,
  type ValueCounts,
} from "../domain/sealing/key-set.ts";
import type { MasterKey } from "../domain/sealing/master-keys.ts";
import { dataKeyIdOf, openValue, sealValue } from "../domain/sealing/sealed-value.ts";
import { withTimeout } from "../lib/timeout.ts";
import { countSealed, readDataKeys } from "../prisma/data-keys.ts";
import type { Logger } from "../config/logger.ts";
import type { Execute } from "./sql.ts";
import { addFirstDataKey, rewrapDataKeys, rotateDataKey, type Rotation } from "./data-keys.ts";

/** Whether values can be sealed and opened. */
export interface SealingState {
  /** `off`: no master key is configured, and nothing is sealed. `failing`: a key is missing, or is not the right one. */
  state: "up" | "off" | "failing";
  /** A sentence for operators, which names missing keys by their ids; null if the state is `up`. */
  fault: string | null;
  /** The id of the data key that seals; null if there is none that can be used. */
  activeKey: number | null;
}

/** A sealer whose data keys are stored in the database, wrapped by master keys that are not. */
export interface KeptSealer extends Sealer {
  /**
   * Checks that the master keys unwrap every data key, and that the canary can be opened. The first check of an installation adds its first
   * data key. A result is used for up to a minute, or 10 seconds if the state is `failing`, unless it must be `fresh`. Rejects if the database does not
   * answer.
   */
  check(freshness?: "fresh"): Promise<SealingState>;
  /**
   * Adds a data key that seals from now on, within a transaction of the caller. This process and the others follow once it is committed, within
   * a minute. Returns null, and changes nothing, if another rotation has just done so. Throws `SealedValueError` if sealing does not work.
   */
  rotate(execute: Execute): Promise<Rotation | null>;
  /** Wraps data keys with the first master key that another one has wrapped (ledger/data-keys.ts). Returns their number. */
  rewrap(): Promise<number>;
}

interface Loaded extends KeySet, SealingState {}

/** For how long a data key that is not in the table is not looked for again, and for how many such keys that is known. */
const absentMs = 1_000;
const absentMost = 1_000;

const off =
  "SEALING_KEYS is not set, so that secrets and addresses that must be encrypted cannot be stored.";

/**
 * Creates a sealer. Data keys are read at the first use, and again after a minute, so that a rotation by another process is followed; a value
 * that names an unknown key makes it read them at once. It never seals with data keys that it has read longer ago.
 * @param masterKeys the first one wraps; without any, sealing fails
 */
export function createSealer({
  pool,
  masterKeys,
  cacheMs = 60_000,
  failingCacheMs = 10_000,
}: {
  pool: Pick<Pool, "query">;
  masterKeys: readonly MasterKey[];
  cacheMs?: number;
  failingCacheMs?: number;
}): KeptSealer {
  let known: Loaded | null = null;
  let goodUntil = 0;
  const absentUntil = new Map<number, number>();
  let counted: { counts: ValueCounts | null; until: number } | null = null;
  let underWay: Promise<Loaded> | null = null;
  let next: Promise<Loaded> | null = null;

  async function load(): Promise<Loaded> {
    const startedAt = performance.now();
    known = await read();
    goodUntil = startedAt + (known.state === "failing" ? failingCacheMs : cacheMs);
    return known;
  }

  async function read(): Promise<Loaded> {
    const [first] = masterKeys;
    let stored = await readDataKeys(pool);
    if (first && stored.rows.length === 0 && stored.canary === null) {
      await addFirstDataKey(pool, first);
      stored = await readDataKeys(pool);
    }
    const set = openKeySet(stored, masterKeys);
    const activeKey = set.active?.id ?? null;
    if (set.faults.length > 0) {
      const counts = await count();
      const fault = set.faults.map((each) => describeKeyFault(each, counts)).join(" ");
      return { ...set, state: "failing", fault, activeKey };
    }
    if (!set.active) return { ...set, state: "off", fault: off, activeKey };
    return { ...set, state: "up", fault: null, activeKey };
  }

  /** Counting reads every sealed value, so that a count is used for a while. */
  async function count(): Promise<ValueCounts | null> {
    if (counted === null || performance.now() >= counted.until)
      counted = {
        counts: await countSealed(pool).catch(() => null),
        until: performance.now() + cacheMs,
      };
    return counted.counts;
  }

  const begin = () => (underWay ??= load().finally(() => (underWay = null)));
  const current = async () =>
    known !== null && performance.now() < goodUntil ? known : await begin();

  /** Reads the keys as they are now. A read that is under way may have begun before the key was added, so that all callers wait for the next one. */
  function reload(): Promise<Loaded> {
    if (!underWay) return begin();
    return (next ??= underWay
      .catch(() => {})
      .then(() => {
        next = null;
        return begin();
      }));
  }

  /** Reads the keys once more if it does not know the key. A key that has just been looked for in vain is not looked for again. */
  async function findKey(id: number): Promise<Loaded> {
    const set = await current();
    if (set.keys.has(id) || set.unusable.has(id)) return set;
    if (performance.now() < (absentUntil.get(id) ?? 0)) return set;
    const again = await reload();
    if (absentUntil.size >= absentMost) absentUntil.clear();
    if (!again.keys.has(id)) absentUntil.set(id, performance.now() + absentMs);
    return again;
  }

  /** The key that seals; throws if there is none. */
  function activeOf({ active, fault }: Loaded) {
    if (active) return active;
    throw new SealedValueError(`Nothing can be sealed. ${fault ?? ""}`.trimEnd());
  }

  return {
    async seal(value, place) {
      return sealValue(activeOf(await current()), value, place);
    },
    async open(sealed, place) {
      const id = dataKeyIdOf(sealed);
      if (id === null)
        throw new SealedValueError("The value is not sealed, is cut off, or has an unknown form.");
      const set = await findKey(id);
      const key = set.keys.get(id);
      if (!key)
        throw new SealedValueError(
          `The data key ${id}, which sealed the value, is missing. ${set.fault ?? ""}`.trimEnd(),
        );
      const value = openValue({ id, key }, sealed, place);
      if (!value)
        throw new SealedValueError(
          "The value was changed, or was sealed for another row, column or table.",
        );
      return value;
    },
    async check(freshness) {
      const { state, fault, activeKey } = await (freshness ? reload() : current());
      return { state, fault, activeKey };
    },
    async rotate(execute) {
      const { id } = activeOf(await reload());
      return rotateDataKey(execute, id, masterKeys[0]!);
    },
    rewrap: () => rewrapDataKeys(pool, masterKeys),
  };
}

/** The state for a health check; `unknown` if the database does not answer in time. */
export const probeSealing = (
  sealer: Pick<KeptSealer, "check">,
  patienceMs: number,
): Promise<SealingState["state"] | "unknown"> =>
  withTimeout(patienceMs, sealer.check()).then(
    ({ state }) => state,
    () => "unknown",
  );

/** Logs at the start of a process if values cannot be sealed and opened. The process works without them. */
export async function reportSealing(
  sealer: Pick<KeptSealer, "check">,
  logger: Pick<Logger, "info" | "warn">,
): Promise<void> {
  try {
    const { state, fault } = await sealer.check();
    if (state === "failing") logger.warn({}, fault!);
    if (state === "off") logger.info({}, fault!);
  } catch {
    // The database cannot be reached, which other checks report.
  }
}
