import { describe, expect, it } from "vitest";
import { createBodyBudget } from "./body-budget.ts";

describe("the budget of bodies", () => {
  const begin = (budget: ReturnType<typeof createBodyBudget>, owner: string, gone: string[]) => {
    const share = budget.begin(owner, () => gone.push(owner));
    return (bytes: number) => {
      share.add(bytes);
      return share;
    };
  };

  it("gives up the oldest body of the owner with the most bytes, and never one that has arrived", () => {
    const budget = createBodyBudget(100);
    const gone: string[] = [];
    begin(budget, "a", gone)(40).arrived();
    begin(budget, "b", gone)(20);
    begin(budget, "a", gone)(30);
    begin(budget, "c", gone)(30);
    expect(gone).toEqual(["a"]);
    begin(budget, "c", gone)(40);
    expect(gone).toEqual(["a", "c"]);
  });

  it("refuses a body if no other can be given up, until a request is over", () => {
    const budget = createBodyBudget(100);
    const first = begin(budget, "a", [])(80);
    first.arrived();
    expect(() => begin(budget, "b", [])(30)).toThrow("Too many large requests");
    first.release();
    first.release();
    begin(budget, "b", [])(100).arrived();
    expect(() => begin(budget, "b", [])(1)).toThrow("Too many large requests");
  });

  it("accepts a body that is larger than the budget if it is the only one, and stops a body that was given up", () => {
    const budget = createBodyBudget(100);
    const large = begin(budget, "a", [])(150);
    large.release();
    const gone: string[] = [];
    const slow = budget.begin("a", () => gone.push("slow"));
    slow.add(90);
    const quick = budget.begin("b", () => gone.push("quick"));
    quick.add(50);
    expect(gone).toEqual(["slow"]);
    expect(() => slow.add(1)).toThrow("Too many large requests");
  });
});
