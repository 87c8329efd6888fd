import type { SealedPlace } from "../sealer.ts";

/** A column with sealed values. */
export interface SealedColumn {
  table: string;
  /** The primary key, whose text is the `row` of a value's place. */
  idColumn: string;
  idType: "uuid" | "integer";
  column: string;
}

/**
 * Every column with sealed values, except the canary. Maintenance seals values of these columns again after a rotation, and they are counted
 * where keys are missing. A new column goes to the end: a round of maintenance names its column by its position.
 */
export const sealedColumns: readonly SealedColumn[] = [
  { table: "addresses", idColumn: "id", idType: "uuid", column: "value" },
  { table: "attachments", idColumn: "id", idType: "uuid", column: "key" },
  { table: "webhook_endpoints", idColumn: "id", idType: "uuid", column: "secret" },
  { table: "webhook_endpoints", idColumn: "id", idType: "uuid", column: "previous_secret" },
];

/** The place of the canary: a known text, sealed with the data key that seals, which shows at each start that the keys are the right ones. */
export const canaryPlace: SealedPlace = { table: "sealing_canary", column: "value", row: "1" };

export const canaryText = Buffer.from("The data keys in this database are those of its values.");
