import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createBatcher } from "./batcher.ts";

describe("createBatcher", () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  function recording(options: { maxItems: number; parallel: number }) {
    const writes: { items: number[]; end: () => void; fail: (error: Error) => void }[] = [];
    const batcher = createBatcher<number, number>({
      ...options,
      lingerMs: 5,
      write: (items) => new Promise((resolve, reject) => writes.push({ items, end: () => resolve(items.length), fail: reject })),
    });
    return { batcher, writes };
  }

  it("waits for company as long as it lingers, and no longer", async () => {
    const { batcher, writes } = recording({ maxItems: 10, parallel: 1 });
    void batcher.add(1);
    await vi.advanceTimersByTimeAsync(4);
    void batcher.add(2);
    expect(writes).toHaveLength(0);
    await vi.advanceTimersByTimeAsync(1);
    expect(writes.map(({ items }) => items)).toEqual([[1, 2]]);
  });

  it("writes a full batch at once", () => {
    const { batcher, writes } = recording({ maxItems: 2, parallel: 1 });
    void batcher.add(1);
    void batcher.add(2);
    expect(writes.map(({ items }) => items)).toEqual([[1, 2]]);
  });

  it("collects what comes in while as many writes are under way as may be", async () => {
    const { batcher, writes } = recording({ maxItems: 2, parallel: 1 });
    for (let item = 1; item <= 5; item++) void batcher.add(item);
    expect(writes.map(({ items }) => items)).toEqual([[1, 2]]);
    writes[0]!.end();
    await vi.advanceTimersByTimeAsync(0);
    expect(writes.map(({ items }) => items)).toEqual([[1, 2], [3, 4]]);
    writes[1]!.end();
    await vi.advanceTimersByTimeAsync(5);
    expect(writes.map(({ items }) => items)).toEqual([[1, 2], [3, 4], [5]]);
  });

  it("answers each of a batch with its write's end, and a failure only to that batch", async () => {
    const { batcher, writes } = recording({ maxItems: 2, parallel: 2 });
    const answers = [1, 2, 3, 4].map((item) => batcher.add(item).catch((error: Error) => error.message));
    writes[0]!.fail(new Error("away"));
    writes[1]!.end();
    expect(await Promise.all(answers)).toEqual(["away", "away", 2, 2]);
  });
});
