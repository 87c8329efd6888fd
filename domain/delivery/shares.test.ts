import { describe, expect, it } from "vitest";
import { shareOf } from "./shares.ts";

describe("the share of a key", () => {
  it("is four fifths of the room that the others leave", () => {
    expect(shareOf(100, [])).toBe(80);
    expect(shareOf(100, [80])).toBe(16);
    expect(shareOf(100, [16, 80])).toBe(4);
    expect(shareOf(1, [])).toBe(1);
    expect(shareOf(1, [1])).toBe(0);
  });

  it("is not reduced by keys that exceed their own share", () => {
    expect(shareOf(100, [5_000])).toBe(16);
    expect(shareOf(100, [5_000, 7_000])).toBe(4);
  });

  it("never adds up to more than the bound, for any order of requests", () => {
    let seed = 1;
    const random = (below: number) => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % below;
    };
    for (let round = 0; round < 3_000; round++) {
      const bound = 1 + random(60);
      const has = Array.from({ length: 1 + random(5) }, () => 0);
      for (let step = 0; step < 40; step++) {
        const key = random(has.length);
        const size = 1 + random(random(2) === 0 ? 3 : bound);
        const others = has.filter((_, index) => index !== key);
        if (random(3) === 0) has[key] = Math.max(0, has[key]! - size);
        else if (has[key]! + size <= shareOf(bound, others)) has[key]! += size;
        expect(has.reduce((sum, count) => sum + count)).toBeLessThanOrEqual(bound);
      }
    }
  });
});
