/** Something that is needed is not here. `found` says what, `mend` what can be done; the message is both. */
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
