import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { createGatherer } from "./gathering.ts";

const fault = new Error("one item's fault");

/** A gatherer whose groups, and items by themselves, end when the test says so. */
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
    most,
    atOnce,
  });
  return { gather, groups, apart, ends };
}

describe("a gatherer", () => {
  it("processes the items of one turn together, and gives each its own result", async () => {
    const { gather, groups, ends } = harness();
    const results = Promise.all([gather("a"), gather("b"), gather("c")]);
    await turn();
    expect(groups).toEqual([["a", "b", "c"]]);
    ends[0]!.resolve();
    expect(await results).toEqual(["a together", "b together", "c together"]);
  });

  it("begins the next group of items before it hands out results", async () => {
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

  it("limits the number of running groups and the size of a group", async () => {
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

  it("processes each item by itself after a group failed because of one of them", async () => {
    const { gather, groups, apart, ends } = harness();
    const results = Promise.allSettled([gather("a"), gather("b")]);
    await turn();
    const next = gather("c");
    ends[0]!.reject(fault);
    await turn();
    expect([groups, apart]).toEqual([
      [["a", "b"], ["c"]],
      ["a", "b"],
    ]);
    for (const { resolve } of ends.slice(1, 3)) resolve();
    expect(await next).toBe("c together");
    ends[3]!.reject(fault);
    expect(await results).toEqual([
      { status: "fulfilled", value: "a apart" },
      { status: "rejected", reason: fault },
    ]);
  });

  it("repeats nothing whose outcome is unknown", async () => {
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
