/**
 * Has work that counts its steps share the event loop: it does so many in one turn and goes on in the next, so that other work comes
 * between.
 */
export class TurnShare {
  readonly #stepsInTurn: number;
  #spent = 0;
  readonly #waiting = new Set<() => void>();

  constructor(stepsInTurn: number) {
    this.#stepsInTurn = stepsInTurn;
  }

  spend(steps: number): void {
    this.#spent += steps;
  }

  /** Is there something left of this turn? If not, `resume` is called in the next one. */
  allows(resume: () => void): boolean {
    if (this.#spent < this.#stepsInTurn) return true;
    if (this.#waiting.size === 0) setImmediate(() => this.#beginTurn());
    this.#waiting.add(resume);
    return false;
  }

  /** Resolves in the next turn if nothing is left of this one: what has waited asks again, for others may have come before it. */
  wait(): Promise<void> | undefined {
    if (this.#spent < this.#stepsInTurn) return undefined;
    return new Promise<void>((resolve) => void this.allows(resolve));
  }

  #beginTurn(): void {
    this.#spent = 0;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resume of waiting) resume();
  }
}
