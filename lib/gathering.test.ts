import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { createGatherer } from "./gathering.ts";

const fault = new Error("one item's fault");

/** A gatherer whose groups end when the test says so. An item is a key and a number. */
function harness({ most = 10, atOnce = 1 } = {}) {
  const groups: string[][] = [];
  const apart: string[] = [];
  const ends: { resolve: () => void; reject: (error: Error) => void }[] = [];
  const doing = async () =>
    new Promise<void>((resolve, reject) => void ends.push({ resolve, reject }));
  const gather = createGatherer<string, string>({
    async doTogether(items) {
      groups.push([...items]);
      await doing();
      return items.map((item) => `${item} together`);
    },
    async doApart(item) {
      apart.push(item);
      await doing();
      return `${item} apart`;
    },
    isOneItemsFault: (error) => error === fault,
    keyOf: (item) => (/\d/.test(item) ? item.slice(0, 1) : null),
    most,
    atOnce,
  });
  return { gather, groups, apart, ends };
}

describe("a gatherer", () => {
  it("does together what comes in one turn, and gives each its own result", async () => {
    const { gather, groups, ends } = harness();
    const results = Promise.all([gather("a"), gather("b"), gather("c")]);
    await turn();
    expect(groups).toEqual([["a", "b", "c"]]);
    ends[0]!.resolve();
    expect(await results).toEqual(["a together", "b together", "c together"]);
  });

  it("does the next group of what came meanwhile before it hands out results", async () => {
    const { gather, groups, ends } = harness();
    const first = gather("a").then(() => groups.length);
    await turn();
    void gather("b");
    await turn();
    void gather("c");
    await turn();
    expect(groups).toEqual([["a"]]);
    ends[0]!.resolve();
    expect(await first).toBe(2);
    expect(groups).toEqual([["a"], ["b", "c"]]);
  });

  it("has no more groups under way, and no more in one, than it may", async () => {
    const { gather, groups, ends } = harness({ most: 2, atOnce: 2 });
    for (const item of ["a", "b", "c", "d", "e"]) void gather(item);
    await turn();
    expect(groups).toEqual([
      ["a", "b"],
      ["c", "d"],
    ]);
    ends[1]!.resolve();
    await turn();
    expect(groups).toHaveLength(3);
  });

  it("does items of one key one after the other, and does not hold up the others", async () => {
    const { gather, groups, ends } = harness({ atOnce: 3 });
    for (const item of ["k1", "k2", "m1", "x", "k3"]) void gather(item);
    await turn();
    expect(groups).toEqual([["k1", "m1", "x"]]);
    void gather("n1");
    await turn();
    ends[0]!.resolve();
    await turn();
    expect(groups.slice(1)).toEqual([["n1"], ["k2"]]);
    ends[2]!.resolve();
    await turn();
    expect(groups.slice(3)).toEqual([["k3"]]);
  });

  it("does each item by itself where a group failed over one of them", async () => {
    const { gather, groups, apart, ends } = harness();
    const results = Promise.allSettled([gather("k1"), gather("b"), gather("k2")]);
    await turn();
    ends[0]!.reject(fault);
    await turn();
    expect(apart).toEqual(["k1", "b"]);
    ends[1]!.reject(fault);
    ends[2]!.resolve();
    await turn();
    expect(groups).toEqual([["k1", "b"], ["k2"]]);
    ends[3]!.resolve();
    expect(await results).toEqual([
      { status: "rejected", reason: fault },
      { status: "fulfilled", value: "b apart" },
      { status: "fulfilled", value: "k2 together" },
    ]);
  });

  it("does nothing again where it is not known what became of it", async () => {
    const { gather, apart, ends } = harness();
    const results = Promise.allSettled([gather("a"), gather("b")]);
    await turn();
    ends[0]!.reject(new Error("the connection broke"));
    expect((await results).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(apart).toEqual([]);
    void gather("c");
    await turn();
    expect(ends).toHaveLength(2);
  });
});
