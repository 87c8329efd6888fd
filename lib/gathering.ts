interface Waiting<Item, Result> {
  item: Item;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
}

/**
 * Does together what is asked for at about the same time, as databases commit in groups: what comes in one turn of the event loop,
 * and what comes while `atOnce` groups are under way. Nothing waits for others to come.
 *
 * What concerns one item concerns no other: a group that fails over one of them is done again, each item by itself.
 */
export function createGatherer<Item, Result>({
  doTogether,
  doApart,
  isOneItemsFault,
  most,
  atOnce,
}: {
  /** Does all, or none and rejects. Resolves with the results in the order of the items. */
  doTogether: (items: readonly Item[]) => Promise<readonly Result[]>;
  doApart: (item: Item) => Promise<Result>;
  /** Whether a group failed over one of its items, and none of it was done. */
  isOneItemsFault: (error: unknown) => boolean;
  /** Items of a group. */
  most: number;
  /** Groups under way at once. */
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
    // The next group is under way while this one's results are looked at.
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
