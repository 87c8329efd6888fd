/** Thrown where a template reaches one of its limits. */
export class BeyondLimit extends Error {}

/**
 * The steps that rendering one message may take: about two seconds of a usual CPU. Steps are counted and not timed, so that the same template
 * with the same data has the same outcome on every machine, however busy it is.
 */
const messageSteps = 2_000_000;

/** The number of characters that are copied, matched or written in about the time of one step. */
const charactersInStep = 64;

/** The cost, in characters, of each value in a list or an object: where values are only counted, and where they are read. */
export const charactersOfValue = { counted: 2, used: 32 } as const;

/** Counts the steps of rendering one message: nodes, filters, operators, properties, and the characters that they process. */
export class Effort {
  readonly #limit: number;
  #spent = 0;

  constructor(limit = messageSteps) {
    this.#limit = limit;
  }

  get spent(): number {
    return this.#spent;
  }

  /** Whether the limit was passed. The `BeyondLimit` of that moment may have been wrapped in another error since. */
  get isExceeded(): boolean {
    return this.#spent > this.#limit;
  }

  spend(steps: number): void {
    this.#spent += steps;
    if (this.#spent > this.#limit) throw new BeyondLimit(`takes more than ${this.#limit} steps`);
  }

  /** Spends one step, and the steps that processing `characters` takes. */
  spendOn(characters: number): void {
    this.spend(1 + Math.floor(characters / charactersInStep));
  }

  /** Called by liquidjs before each node, where it would check the time. A node is one step. */
  check(): void {
    this.spend(1);
  }
}
