/**
 * Makes work that consists of steps share the event loop: it does a limited number of steps in one turn and continues in the next, so that
 * other work can run in between.
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

  /** Takes a step of this turn if one is left. Otherwise returns false, and calls `resume` in the next turn. */
  allows(resume: () => void): boolean {
    if (this.#spent < this.#stepsInTurn) return true;
    if (this.#waiting.size === 0) setImmediate(() => this.#beginTurn());
    this.#waiting.add(resume);
    return false;
  }

  /** Undefined if a step of this turn is left. Otherwise resolves in the next turn; the caller must call it again, since others may be first. */
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
