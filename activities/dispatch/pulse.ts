/** Lets one caller wait until something changes, or until a time has passed. */
export class Pulse {
  #resolve: () => void = () => {};

  /** Resolves the wait, because something has changed. */
  beat(): void {
    this.#resolve();
  }

  wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#resolve = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
