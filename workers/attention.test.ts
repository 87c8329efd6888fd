import { expect, it } from "vitest";
import { Attention } from "./attention.ts";

it("looks before the first dispatches after a rest, and not before those that follow", async () => {
  const done: string[] = [];
  let seen = () => {};
  const look = () => {
    done.push("asks");
    return new Promise<void>((resolve) => (seen = resolve)).then(() => done.push("knows"));
  };
  const attention = new Attention(() => false, look);
  expect(attention.rests).toBe(true);
  const dispatch = (name: string) =>
    attention.during(() => {
      done.push(name);
      return Promise.resolve();
    });
  const dispatches = [dispatch("a"), dispatch("b")];
  expect(attention.rests).toBe(false);
  seen();
  await Promise.all(dispatches);
  await dispatch("c");
  expect(done).toEqual(["asks", "knows", "a", "b", "c"]);
});

it("does not rest while something is on its way, and dispatches though nothing could be learnt", async () => {
  let isSending = true;
  const attention = new Attention(
    () => isSending,
    () => Promise.reject(new Error("away")),
  );
  expect(attention.rests).toBe(false);
  isSending = false;
  expect(attention.rests).toBe(true);
  expect(await attention.during(() => Promise.resolve("done"))).toBe("done");
});
