interface Waiting<Item, Result> {
  item: Item;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
}

/**
 * Processes items in groups, like the group commit of databases: the items of one turn of the event loop, and those that arrive while `atOnce`
 * groups are running. No item waits for others to arrive.
 *
 * A fault of one item does not affect others: if a group fails because of one of them, each item is processed again by itself.
 */
export function createGatherer<Item, Result>({
  doTogether,
  doApart,
  isOneItemsFault,
  most,
  atOnce,
}: {
  /** Processes all items, or rejects and processes none. Resolves with the results in the order of the items. */
  doTogether: (items: readonly Item[]) => Promise<readonly Result[]>;
  doApart: (item: Item) => Promise<Result>;
  /** Whether a group failed because of one of its items, and none of them was processed. */
  isOneItemsFault: (error: unknown) => boolean;
  /** The maximum of items in a group. */
  most: number;
  /** The maximum of groups that run at once. */
  atOnce: number;
}): (item: Item) => Promise<Result> {
  const waiting: Waiting<Item, Result>[] = [];
  let underWay = 0;
  let beginning = false;

  function begin(): void {
    beginning = false;
    while (underWay < atOnce && waiting.length > 0) {
      underWay += 1;
      void perform(waiting.splice(0, most));
    }
  }

  async function perform(group: readonly Waiting<Item, Result>[]): Promise<void> {
    let settle: (one: Waiting<Item, Result>, index: number) => void;
    try {
      const results = await doTogether(group.map(({ item }) => item));
      settle = ({ resolve }, index) => resolve(results[index]!);
    } catch (error) {
      settle = isOneItemsFault(error)
        ? ({ item, resolve, reject }) => void doApart(item).then(resolve, reject)
        : ({ reject }) => reject(error);
    }
    underWay -= 1;
    // The next group begins before the results of this one are handed out.
    begin();
    group.forEach(settle);
  }

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (beginning || underWay >= atOnce) return;
      beginning = true;
      setImmediate(begin);
    });
}
