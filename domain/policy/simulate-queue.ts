import { compareServed } from "../priority.ts";
import type { SimulatedRow } from "./simulate-types.ts";

interface Entry {
  row: SimulatedRow;
  turn: number;
  dueAt: number;
  /** Digests have queues of their own, and include the messages that arrive at the time of the digest. */
  ofDigest: boolean;
}

/** The order in which claims serve deliveries. Of equal ones, the one that was created first comes first. */
export const compareRows = (
  a: Pick<Entry, "row" | "dueAt">,
  b: Pick<Entry, "row" | "dueAt">,
): number =>
  compareServed(
    { dueAt: a.dueAt, priority: a.row.request.priority },
    { dueAt: b.dueAt, priority: b.row.request.priority },
  ) || a.row.order - b.row.order;

/** A queue of rows in the order in which they are due, as a binary heap. */
export function createQueue() {
  const heap: Entry[] = [];
  const before = (a: Entry, b: Entry) =>
    (a.dueAt - b.dueAt || Number(a.ofDigest) - Number(b.ofDigest) || compareRows(a, b)) < 0;

  return {
    add(row: SimulatedRow): void {
      const { turn, dueAt, group } = row;
      const entry = { row, turn, dueAt, ofDigest: group?.kind === "digest" };
      let at = heap.length;
      while (at > 0) {
        const parent = (at - 1) >> 1;
        if (!before(entry, heap[parent]!)) break;
        heap[at] = heap[parent]!;
        at = parent;
      }
      heap[at] = entry;
    },

    /** Takes up to `limit` of the rows that are due first: at one instant, not after `until`, and in one queue. */
    take(until: number, limit: number): SimulatedRow[] {
      const page: Entry[] = [];
      for (let top = heap[0]; top !== undefined; top = heap[0]) {
        const isVoid = top.turn !== top.row.turn;
        const [{ dueAt, ofDigest } = { dueAt: until, ofDigest: top.ofDigest }] = page;
        if (!isVoid && (top.dueAt > dueAt || top.ofDigest !== ofDigest || page.length === limit))
          break;
        removeTop();
        if (!isVoid) page.push(top);
      }
      return page.map(({ row }) => row);
    },
  };

  function removeTop(): void {
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}
