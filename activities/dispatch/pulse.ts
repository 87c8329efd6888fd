/** Lets one wait until something changes, or for a while. */
export class Pulse {
  #resolve: () => void = () => {};

  /** Something has changed. */
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
