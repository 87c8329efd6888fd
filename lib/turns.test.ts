import { expect, it } from "vitest";
import { createTurns } from "./turns.ts";

it("runs work with one key in turn, even if it fails, and other work concurrently", async () => {
  const inTurn = createTurns();
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const work = (name: string) => () => {
    begun.push(name);
    return new Promise<string>((resolve, reject) =>
      ends.set(name, () => (name === "a1" ? reject(new Error(name)) : resolve(name))),
    );
  };
  const first = inTurn("a", work("a1"));
  const second = inTurn("a", work("a2"));
  const other = inTurn("b", work("b1"));
  expect(begun).toEqual(["a1", "b1"]);
  ends.get("b1")!();
  expect(await other).toBe("b1");
  ends.get("a1")!();
  await expect(first).rejects.toThrow("a1");
  await expect.poll(() => begun).toEqual(["a1", "b1", "a2"]);
  const third = inTurn("a", work("a3"));
  ends.get("a2")!();
  expect(await second).toBe("a2");
  await expect.poll(() => begun).toEqual(["a1", "b1", "a2", "a3"]);
  ends.get("a3")!();
  expect(await third).toBe("a3");
});
