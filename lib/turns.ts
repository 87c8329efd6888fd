/** Does pieces of work one after the other where they have the same key, in the order in which they came, and others beside them. */
export type InTurn = <Result>(key: string, work: () => Promise<Result>) => Promise<Result>;

export function createTurns(): InTurn {
  /** The end of the last piece of work of each key. */
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
