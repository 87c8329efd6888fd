/** The template asks for more than it may have. */
export class BeyondLimit extends Error {}

/**
 * What a message may take to be made: about two seconds of a usual CPU. Steps are counted and not timed, so that the same template with the
 * same data ends alike on every machine, however busy it is.
 */
const messageSteps = 2_000_000;

/** Characters that are copied, matched or written in about the time of a step. */
const charactersInStep = 64;

/** To look at a value of a list or an object takes as long as so many characters: where it is only counted, and where it is worked with. */
export const charactersOfValue = { counted: 2, used: 32 } as const;

/** Counts the steps of making one message: nodes, filters, operators, properties, and what they work through. */
export class Effort {
  readonly #limit: number;
  #spent = 0;

  constructor(limit = messageSteps) {
    this.#limit = limit;
  }

  get spent(): number {
    return this.#spent;
  }

  /** More was asked for than there is. What was thrown then may have been wrapped since. */
  get isExceeded(): boolean {
    return this.#spent > this.#limit;
  }

  spend(steps: number): void {
    this.#spent += steps;
    if (this.#spent > this.#limit) throw new BeyondLimit(`takes more than ${this.#limit} steps`);
  }

  /** One step, and those that working through so many characters takes. */
  spendOn(characters: number): void {
    this.spend(1 + Math.floor(characters / charactersInStep));
  }

  /** As liquidjs calls it, between nodes and with the time: a node is a step. */
  check(): void {
    this.spend(1);
  }
}
