import type { KeyObject } from "node:crypto";
import { canaryPlace, canaryText } from "./columns.ts";
import { type MasterKey, unwrapDataKey, type WrappedKey } from "./master-keys.ts";
import { dataKeyIdOf, openValue } from "./sealed-value.ts";

/** The data keys and the canary as they are stored. */
export interface StoredKeys {
  /** In the order of their ids. */
  rows: readonly (WrappedKey & { retired: boolean })[];
  canary: Uint8Array | null;
}

/** Why a data key cannot be used. No fault contains a key. */
export type KeyFault =
  /** The configuration lacks the master key, or has another one under its id. */
  | { kind: "lacking" | "different"; masterKey: string; dataKeys: number[] }
  /** The table of data keys lacks keys that values name. */
  | { kind: "lost"; dataKeys: number[] }
  /** The canary is missing, or the key that it names cannot open it. */
  | { kind: "canary" };

/** The data keys that the master keys of a process can unwrap. */
export interface KeySet {
  keys: ReadonlyMap<number, KeyObject>;
  /** The ids of data keys that the master keys cannot unwrap. */
  unusable: ReadonlySet<number>;
  /** The key that seals; null where there is none, or where it is not certain that it is the right one. */
  active: { id: number; key: KeyObject } | null;
  faults: readonly KeyFault[];
}

/**
 * Unwraps the data keys, and opens the canary with the newest one. A fault of an older key leaves the newest one in use. Without data keys and
 * without a canary there is no fault: nothing has been sealed yet.
 */
export function openKeySet({ rows, canary }: StoredKeys, masterKeys: readonly MasterKey[]): KeySet {
  const keys = new Map<number, KeyObject>();
  const unusable = new Set<number>();
  const faults: KeyFault[] = [];
  for (const row of rows) {
    const master = masterKeys.find(({ id }) => id === row.wrappedBy);
    const key = master ? unwrapDataKey(row, master) : null;
    if (key) keys.set(row.id, key);
    else {
      unusable.add(row.id);
      addFault(faults, master ? "different" : "lacking", row);
    }
  }
  const newest = rows.findLast(({ retired }) => !retired);
  if (!newest && !canary) return { keys, unusable, active: null, faults };

  const named = canary && dataKeyIdOf(canary);
  if (typeof named === "number" && !rows.some(({ id }) => id === named)) {
    faults.push({ kind: "lost", dataKeys: [named] });
    return { keys, unusable, active: null, faults };
  }
  const key = newest && keys.get(newest.id);
  // The fault of its master key says all there is to say.
  if (newest && !key) return { keys, unusable, active: null, faults };
  const opens =
    newest && key && canary && named === newest.id
      ? openValue({ id: newest.id, key }, canary, canaryPlace)?.equals(canaryText)
      : false;
  if (!opens) faults.push({ kind: "canary" });
  return { keys, unusable, active: opens && newest && key ? { id: newest.id, key } : null, faults };
}

function addFault(
  faults: KeyFault[],
  kind: "lacking" | "different",
  { id, wrappedBy }: WrappedKey,
): void {
  const known = faults.find(
    (fault) => fault.kind === kind && "masterKey" in fault && fault.masterKey === wrappedBy,
  );
  if (known && "dataKeys" in known) known.dataKeys.push(id);
  else faults.push({ kind, masterKey: wrappedBy, dataKeys: [id] });
}

/** The number of stored values that name each data key. */
export type ValueCounts = ReadonlyMap<number, number>;

/** Describes a fault to operators: what is missing, and how many values need it. `counts` is null where the values could not be counted. */
export function describeKeyFault(fault: KeyFault, counts: ValueCounts | null): string {
  if (fault.kind === "canary")
    return "The canary cannot be opened: the tables data_keys and sealing_canary are not those of this installation. Restore both from the same backup as the other tables.";
  const need = describeNeed(fault.dataKeys, counts);
  switch (fault.kind) {
    case "lacking":
      return `SEALING_KEYS lacks the key ${fault.masterKey}, which ${need}. Add it again, behind the others.`;
    case "different":
      return `The key ${fault.masterKey} in SEALING_KEYS is not the original one, which ${need}. Set the original one.`;
    case "lost":
      return `The table data_keys lacks the data key ${fault.dataKeys.join(", ")}, which ${need}. Restore the table from a backup.`;
  }
}

function describeNeed(dataKeys: readonly number[], counts: ValueCounts | null): string {
  if (counts === null) return "stored values need";
  const count = dataKeys.reduce((sum, id) => sum + (counts.get(id) ?? 0), 0);
  return count === 1 ? "1 stored value needs" : `${count} stored values need`;
}
