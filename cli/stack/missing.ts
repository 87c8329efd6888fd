/** Something required is missing. `found` describes it, and `mend` is the remedy; the message contains both. */
export class MissingError extends Error {
  override name = "MissingError";
  readonly found: string;
  readonly mend: string;
  constructor(found: string, mend: string, options?: ErrorOptions) {
    super(`${found}: ${mend}`, options);
    this.found = found;
    this.mend = mend;
  }
}
