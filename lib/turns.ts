/** Runs pieces of work with the same key one after the other, in the order of the calls, and those with different keys concurrently. */
export type InTurn = <Result>(key: string, work: () => Promise<Result>) => Promise<Result>;

export function createTurns(): InTurn {
  /** Resolves when the last piece of work of the key has ended. */
  const ends = new Map<string, Promise<void>>();
  return (key, work) => {
    const done = ends.get(key)?.then(work) ?? work();
    const forget = () => {
      if (ends.get(key) === end) ends.delete(key);
    };
    const end: Promise<void> = done.then(forget, forget);
    ends.set(key, end);
    return done;
  };
}
