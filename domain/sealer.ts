/** Where a sealed value is stored. A value that was moved to another place cannot be opened. */
export interface SealedPlace {
  table: string;
  column: string;
  /** The id of the row. */
  row: string;
}

/**
 * Encrypts values before they are stored, with authenticated encryption that is bound to their place. It fails if the keys of the
 * installation are missing: nothing is ever stored in clear instead.
 */
export interface Sealer {
  /** Throws `SealedValueError` if the key that seals is missing. */
  seal(value: Uint8Array, place: SealedPlace): Promise<Uint8Array>;
  /** Throws `SealedValueError` if the value was changed or moved, or its key is missing. */
  open(sealed: Uint8Array, place: SealedPlace): Promise<Uint8Array>;
}

/** A value cannot be sealed, or a sealed value cannot be opened. The message says why, without the value. */
export class SealedValueError extends Error {
  override name = "SealedValueError";
}
