import { describe, expect, it } from "vitest";
import { createLimiter } from "./concurrency-limit.ts";

describe("a limiter", () => {
  it("runs a limited number at once, and the others in the order of the calls", async () => {
    const limit = createLimiter(2);
    const log: string[] = [];
    const ends = new Map<string, () => void>();
    const run = (name: string) =>
      limit(async () => {
        log.push(name);
        await new Promise<void>((end) => ends.set(name, end));
        return name;
      });
    const all = ["a", "b", "c", "d"].map(run);
    expect(log).toEqual(["a", "b"]);
    ends.get("b")!();
    expect(await all[1]).toBe("b");
    expect(log).toEqual(["a", "b", "c"]);
    ends.get("a")!();
    await all[0];
    expect(log).toEqual(["a", "b", "c", "d"]);
    for (const name of ["c", "d"]) ends.get(name)!();
    expect(await Promise.all(all)).toEqual(["a", "b", "c", "d"]);
  });

  it("gives the place of failed work to the next", async () => {
    const limit = createLimiter(1);
    const failing = limit(async () => {
      throw new Error("no");
    });
    const next = limit(async () => "yes");
    await expect(failing).rejects.toThrow("no");
    expect(await next).toBe("yes");
  });
});
