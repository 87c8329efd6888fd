/**
 * Collects what comes in within `lingerMs`, or until there are `maxItems`, and writes it together: one statement for
 * many rows. At most `parallel` writes are under way; what comes in meanwhile makes the next one larger.
 * @param write gets 1 to `maxItems` items; a rejection rejects every `add` of that write
 */
export function createBatcher<Item, Result>(options: {
  write: (items: Item[]) => Promise<Result>;
  maxItems: number;
  lingerMs: number;
  parallel: number;
}): { add(item: Item): Promise<Result> } {
  const { write, maxItems, lingerMs, parallel } = options;
  type Waiting = { item: Item; resolve: (result: Result) => void; reject: (error: unknown) => void };
  let waiting: Waiting[] = [];
  let writing = 0;
  let lingering: NodeJS.Timeout | undefined;

  const flush = () => {
    clearTimeout(lingering);
    lingering = undefined;
    while (waiting.length > 0 && writing < parallel) {
      const batch = waiting.splice(0, maxItems);
      writing++;
      write(batch.map(({ item }) => item))
        .then(
          (result) => batch.forEach(({ resolve }) => resolve(result)),
          (error: unknown) => batch.forEach(({ reject }) => reject(error)),
        )
        .finally(() => {
          writing--;
          schedule();
        });
    }
  };

  const schedule = () => {
    if (waiting.length === 0 || writing >= parallel) return;
    if (waiting.length >= maxItems) flush();
    else lingering ??= setTimeout(flush, lingerMs);
  };

  return {
    add(item) {
      return new Promise((resolve, reject) => {
        waiting.push({ item, resolve, reject });
        schedule();
      });
    },
  };
}
