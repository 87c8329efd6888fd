import { expect, it } from "vitest";
import { poll } from "./polling.ts";

it("continues even if the work fails, and works less often while it rests", async () => {
  let works = 0;
  let asked = 0;
  let rests = false;
  const askedAt: number[] = [];
  const polling = poll(
    () => {
      works += 1;
      askedAt.push(asked);
      return Promise.reject(new Error("away"));
    },
    1,
    () => {
      asked += 1;
      return rests;
    },
  );
  await expect.poll(() => works).toBeGreaterThan(2);
  expect(askedAt.slice(0, 3)).toEqual([1, 2, 3]);
  rests = true;
  const before = works;
  await expect.poll(() => works).toBeGreaterThan(before + 1);
  polling.stop();
  expect(askedAt[before + 1]! - askedAt[before]!).toBe(30);
});
