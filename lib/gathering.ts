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
  keyOf,
  most,
  atOnce,
}: {
  /** Does all, or none and rejects. Resolves with the results in the order of the items. */
  doTogether: (items: readonly Item[]) => Promise<readonly Result[]>;
  doApart: (item: Item) => Promise<Result>;
  /** Whether a group failed over one of its items, and none of it was done. */
  isOneItemsFault: (error: unknown) => boolean;
  /** Items of the same key are done one after the other, in the order in which they came. */
  keyOf: (item: Item) => string | null;
  /** Items of a group. */
  most: number;
  /** Groups under way at once. */
  atOnce: number;
}): (item: Item) => Promise<Result> {
  let waiting: Waiting<Item, Result>[] = [];
  const keysUnderWay = new Set<string>();
  let underWay = 0;
  let beginning = false;

  /** Takes the first that wait, but for those whose key is under way. */
  function takeGroup(): Waiting<Item, Result>[] {
    const group: Waiting<Item, Result>[] = [];
    const left: Waiting<Item, Result>[] = [];
    for (const one of waiting) {
      const key = keyOf(one.item);
      const fits = group.length < most && (key === null || !keysUnderWay.has(key));
      if (fits && key !== null) keysUnderWay.add(key);
      (fits ? group : left).push(one);
    }
    waiting = left;
    return group;
  }

  function begin(): void {
    beginning = false;
    while (underWay < atOnce && waiting.length > 0) {
      const group = takeGroup();
      if (group.length === 0) return;
      underWay += 1;
      void perform(group);
    }
  }

  async function perform(group: readonly Waiting<Item, Result>[]): Promise<void> {
    const outcome = await doTogether(group.map(({ item }) => item)).then(
      (results) => ({ results }),
      (error: unknown) => ({ error }),
    );
    underWay -= 1;
    const repeated = "error" in outcome && isOneItemsFault(outcome.error);
    if (!repeated) release(group);
    // The next group is under way while this one's results are looked at.
    begin();
    for (const [index, one] of group.entries())
      if (repeated) void performApart(one);
      else if ("error" in outcome) one.reject(outcome.error);
      else one.resolve(outcome.results[index]!);
  }

  async function performApart(one: Waiting<Item, Result>): Promise<void> {
    await doApart(one.item).then(one.resolve, one.reject);
    release([one]);
    begin();
  }

  function release(group: readonly Waiting<Item, Result>[]): void {
    for (const { item } of group) {
      const key = keyOf(item);
      if (key !== null) keysUnderWay.delete(key);
    }
  }

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (beginning || underWay >= atOnce) return;
      beginning = true;
      setImmediate(begin);
    });
}
