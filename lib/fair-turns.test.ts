import { describe, expect, it } from "vitest";
import { createFairTurns, NoTurn } from "./fair-turns.ts";

const limits = { atOnce: 2, perOwner: 2, waiting: 8, waitMs: 60_000 };

/** Everything that can happen without a turn ending has happened. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe("turns", () => {
  it("let a limited number begin at once, and the others in the order of the calls", async () => {
    const turns = createFairTurns(limits);
    const begun: number[] = [];
    const ends: (() => void)[] = [];
    for (let n = 0; n < 5; n += 1)
      void turns.take("a").then((end) => {
        begun.push(n);
        ends.push(end);
      });
    await settled();
    expect([begun, turns.underWay, turns.waiting]).toEqual([[0, 1], 2, 3]);
    ends[0]!();
    ends[0]!();
    await settled();
    expect(begun).toEqual([0, 1, 2]);
    for (const end of ends) end();
    await settled();
    expect(begun).toEqual([0, 1, 2, 3, 4]);
  });

  it("alternate between owners, however much work each has waiting", async () => {
    const turns = createFairTurns({ ...limits, atOnce: 1 });
    const order: string[] = [];
    const work = async (owner: string) => {
      const end = await turns.take(owner);
      order.push(owner);
      await settled();
      end();
    };
    await Promise.all(["a", "a", "a", "a", "b", "c", "b"].map(work));
    expect(order).toEqual(["a", "a", "b", "c", "a", "b", "a"]);
  });

  it("keep places for other owners than the one with the most work", async () => {
    const turns = createFairTurns({ ...limits, perOwner: 1 });
    await turns.take("a");
    let second = false;
    void turns.take("a").then(() => (second = true));
    await turns.take("b");
    await settled();
    expect([second, turns.underWay, turns.waiting]).toEqual([false, 2, 1]);
  });

  it("are refused at once to an owner with half of the waiting places, and to all once these are full", async () => {
    const turns = createFairTurns({ ...limits, waiting: 4 });
    const why = (owner: string) =>
      turns.take(owner).then(
        () => "begun",
        (error: unknown) => (error instanceof NoTurn ? error.why : "broken"),
      );
    const pending: Promise<string>[] = [];
    for (const owner of ["a", "a", "a", "a"]) pending.push(why(owner));
    await settled();
    expect(await why("a")).toBe("owner");
    pending.push(why("b"), why("c"));
    await settled();
    expect(await why("d")).toBe("all");
  });

  it("are refused after the waiting time, and when the caller has left", async () => {
    const turns = createFairTurns({ ...limits, atOnce: 1, waitMs: 1 });
    const end = await turns.take("a");
    await expect(turns.take("b")).rejects.toMatchObject({ why: "late" });
    const patient = createFairTurns({ ...limits, atOnce: 1 });
    await patient.take("a");
    const gone = new AbortController();
    const waiting = patient.take("b", () => gone.signal);
    await settled();
    expect(patient.waiting).toBe(1);
    gone.abort();
    await expect(waiting).rejects.toThrow(NoTurn);
    expect(patient.waiting).toBe(0);
    end();
    expect(await turns.take("b")).toBeTypeOf("function");
  });

  it("estimate the waiting time from the duration of earlier work", async () => {
    const turns = createFairTurns({ ...limits, atOnce: 1, waiting: 2 });
    const end = await turns.take("a");
    void turns.take("a");
    const early = await turns.take("a").catch((error: NoTurn) => error.retryAfterMs);
    expect(early).toBe(0);
    await new Promise((resolve) => setTimeout(resolve, 20));
    end();
    await settled();
    void turns.take("a");
    const refused = await turns.take("a").catch((error: NoTurn) => error.retryAfterMs);
    expect(refused).toBeGreaterThan(0);
  });
});
