interface Waiting<Item, Result> {
  item: Item;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
}

/**
 * Does together what is asked for at about the same time, as databases commit in groups: what comes in one turn of the event loop,
 * and what comes while `atOnce` groups are under way. Nothing waits for others to come.
 *
 * What concerns one item concerns no other: a group that fails in such a way is done again, each item by itself.
 */
export function createGatherer<Item, Result>({
  doTogether,
  doApart,
  isOneItemsFault,
  keyOf,
  most,
  atOnce,
}: {
  /** Does all, or none and rejects. Resolves with the results in the order of the items. */
  doTogether: (items: readonly Item[]) => Promise<readonly Result[]>;
  doApart: (item: Item) => Promise<Result>;
  /** Whether a group failed over one of its items, and none of it was done. */
  isOneItemsFault: (error: unknown) => boolean;
  /** Items of the same key are never in one group. */
  keyOf: (item: Item) => string | null;
  /** Items of a group. */
  most: number;
  /** Groups under way at once. */
  atOnce: number;
}): (item: Item) => Promise<Result> {
  let waiting: Waiting<Item, Result>[] = [];
  let underWay = 0;
  let beginning = false;

  /** Takes the first that wait, but for those whose key the group has already. */
  function takeGroup(): Waiting<Item, Result>[] {
    const group: Waiting<Item, Result>[] = [];
    const left: Waiting<Item, Result>[] = [];
    const keys = new Set<string>();
    for (const one of waiting) {
      const key = keyOf(one.item);
      const fits = group.length < most && (key === null || !keys.has(key));
      if (fits && key !== null) keys.add(key);
      (fits ? group : left).push(one);
    }
    waiting = left;
    return group;
  }

  function begin(): void {
    beginning = false;
    while (underWay < atOnce && waiting.length > 0) {
      underWay += 1;
      void perform(takeGroup());
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
