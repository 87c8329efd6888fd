import { performance } from "node:perf_hooks";
import { expect, it, vi } from "vitest";
import { Attention } from "./attention.ts";

it("looks before the first dispatches after a rest, and not before later ones", async () => {
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

it("does not rest while a message is on its way, and dispatches even if a look fails", async () => {
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

it("rests while a dispatch only waits, and looks before the dispatch continues", async () => {
  let looks = 0;
  const attention = new Attention(
    () => false,
    () => Promise.resolve(looks++),
  );
  let go = () => {};
  const goes = new Promise<void>((resolve) => (go = resolve));
  let isResting = false;
  const now = vi.spyOn(performance, "now").mockReturnValue(0);
  const dispatch = attention.during(async () => {
    await attention.whileResting(() => {
      isResting = true;
      return goes;
    });
    expect([attention.rests, looks]).toEqual([false, 2]);
  });
  await vi.waitFor(() => expect(isResting).toBe(true));
  now.mockReturnValue(60_000);
  expect([attention.rests, looks]).toEqual([true, 1]);
  go();
  await dispatch;
  now.mockRestore();
});
