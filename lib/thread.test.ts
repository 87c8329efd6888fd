import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, afterEach, expect, it } from "vitest";
import { createThread, type Thread, ThreadFault } from "./thread.ts";

const folder = mkdtempSync(join(tmpdir(), "thread-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A module that does what its task says. */
const path = join(folder, "task.mjs");
writeFileSync(
  path,
  `export default ({ does, says }) => {
    while (does === "hang");
    if (does === "fail") throw new Error(says);
    const all = [];
    while (does === "grow") all.push(Array.from({ length: 100_000 }, (_, at) => at + all.length));
    return says;
  };`,
);
const file = pathToFileURL(path).href;

interface Task {
  does?: "hang" | "fail" | "grow";
  says: string;
}

const threads: Thread<Task, string>[] = [];
afterEach(async () => {
  await Promise.all(threads.splice(0).map((thread) => thread.close()));
});

function thread(deadlineMs = 60_000): Thread<Task, string> {
  const made = createThread<Task, string>({ file, deadlineMs, memoryMb: 64 });
  threads.push(made);
  return made;
}

it("does one task of each key in turn", async () => {
  const made = thread();
  const order: string[] = [];
  const tell = (key: string, says: string) =>
    made.run(key, () => ({ says })).then((said) => order.push(said));
  const all = [tell("a", "a1"), tell("a", "a2"), tell("a", "a3"), tell("b", "b1"), tell("c", "c1")];
  expect([made.size(), made.size("a"), made.size("b"), made.size("d")]).toEqual([5, 3, 1, 0]);
  await Promise.all(all);
  expect(order).toEqual(["a1", "b1", "c1", "a2", "a3"]);
  await expect.poll(() => made.size()).toBe(0);
});

it("calls `skip` once the previous result is known", async () => {
  const made = thread();
  const known: string[] = [];
  const tell = (says: string) =>
    made
      .run(
        "a",
        () => ({ says }),
        () => (known.length >= 2 ? "skipped" : null),
      )
      .then(async (said) => {
        await Promise.resolve();
        known.push(said);
      });
  await Promise.all(["1", "2", "3", "4"].map(tell));
  expect(known).toEqual(["1", "2", "skipped", "skipped"]);
});

it("rejects with the error of a task, and continues", async () => {
  const made = thread();
  await expect(made.run("a", () => ({ does: "fail", says: "no" }))).rejects.toThrow(/^no$/);
  expect(await made.run("a", () => ({ says: "yes" }))).toBe("yes");
});

it.each([
  ["hangs", "hang", "takes too long", 2_000],
  ["takes all memory", "grow", "takes too much memory", 60_000],
] as const)("ends a thread that %s, and goes on with another", async (_, does, why, deadlineMs) => {
  const made = thread(deadlineMs);
  const failing = made.run("a", () => ({ does, says: "never" }));
  await expect(failing).rejects.toThrow(ThreadFault);
  await expect(failing).rejects.toThrow(why);
  await expect
    .poll(() => made.run("a", () => ({ says: "yes" })).catch(() => "no"), { timeout: 60_000 })
    .toBe("yes");
});

it("rejects waiting tasks when it is closed", async () => {
  const made = thread();
  const waiting = [
    made.run("a", () => ({ does: "hang", says: "" })),
    made.run("a", () => ({ says: "" })),
  ];
  const settled = Promise.allSettled(waiting);
  await made.close();
  for (const { status } of await settled) expect(status).toBe("rejected");
  await expect(made.run("a", () => ({ says: "" }))).rejects.toThrow(ThreadFault);
});
