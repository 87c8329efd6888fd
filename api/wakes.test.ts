import { AsyncLocalStorage, AsyncResource } from "node:async_hooks";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Wake } from "../workflows/signals.ts";
import { createWakes, mailboxWakeMs } from "./wakes.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const wake = { requestId: "request" };

/** Makes wakes whose sends are recorded, and settle when the test calls `settle`. */
function harness(onSend = () => {}) {
  const sent: string[] = [];
  const requestIds: (string | undefined)[] = [];
  const pending: { resolve: () => void; reject: (error: Error) => void }[] = [];
  const warnings: unknown[] = [];
  const send = (target: string, { requestId }: Wake) => {
    onSend();
    sent.push(target);
    requestIds.push(requestId);
    return new Promise<void>((resolve, reject) => pending.push({ resolve, reject }));
  };
  const wakes = createWakes({
    wakeQueue: send,
    wakeCampaign: send,
    logger: { warn: (...entry: unknown[]) => void warnings.push(entry) },
    bindToTrace: (bound) => AsyncResource.bind(bound),
  });
  const settle = async (how: "resolve" | "reject" = "resolve") => {
    pending.shift()![how](new Error("away"));
    await vi.advanceTimersByTimeAsync(0);
  };
  return { wakes, sent, requestIds, settle, warnings };
}

describe("wakes", () => {
  it("wakes a mailbox at once, and once more after the pause for the burst that follows", async () => {
    const { wakes, sent, settle } = harness();
    for (let i = 0; i < 50; i += 1) wakes.queue("mailbox/0", wake);
    expect(sent).toEqual(["mailbox/0"]);
    await settle();
    await vi.advanceTimersByTimeAsync(mailboxWakeMs.least - 1);
    expect(sent).toEqual(["mailbox/0"]);
    await vi.advanceTimersByTimeAsync(1);
    expect(sent).toEqual(["mailbox/0", "mailbox/0"]);
    await settle();
  });

  it("wakes a mailbox at once again after the pause, and only once for a single change", async () => {
    const { wakes, sent, settle } = harness();
    for (const sends of [1, 2]) {
      wakes.queue("mailbox/0", wake);
      expect(sent).toHaveLength(sends);
      await settle();
      await vi.advanceTimersByTimeAsync(mailboxWakeMs.least);
      expect(sent).toHaveLength(sends);
    }
  });

  it("has one wake of a mailbox in flight, however long it takes", async () => {
    const { wakes, sent, settle } = harness();
    wakes.queue("mailbox/0", wake);
    wakes.queue("mailbox/0", wake);
    await vi.advanceTimersByTimeAsync(10 * mailboxWakeMs.most);
    expect(sent).toHaveLength(1);
    await settle();
    expect(sent).toHaveLength(2);
  });

  it("wakes a mailbox less often the longer a burst lasts, down to every 200 ms, and soon again after it", async () => {
    const { wakes, sent, settle } = harness();
    const sentAt: number[] = [];
    for (let ms = 0; ms < 1_200; ms += 5) {
      if (ms < 1_000) wakes.queue("mailbox/0", wake);
      for (; sentAt.length < sent.length; await settle()) sentAt.push(ms);
      await vi.advanceTimersByTimeAsync(5);
    }
    expect(sentAt).toEqual([0, 25, 75, 175, 375, 575, 775, 975, 1_175]);
    await vi.advanceTimersByTimeAsync(mailboxWakeMs.most);
    for (const sends of [10, 11]) {
      wakes.queue("mailbox/0", wake);
      await vi.advanceTimersByTimeAsync(mailboxWakeMs.least);
      expect(sent).toHaveLength(sends);
      await settle();
    }
  });

  it("wakes critical queues and campaigns at once", () => {
    const { wakes, sent } = harness();
    wakes.queue("critical/1", wake);
    wakes.campaign("cmp_1", wake);
    expect(sent).toEqual(["critical/1", "cmp_1"]);
  });

  it("sends one more wake after one that was in flight when more was committed", async () => {
    const { wakes, sent, settle } = harness();
    for (let i = 0; i < 10; i += 1) wakes.queue("critical/0", wake);
    expect(sent).toEqual(["critical/0"]);
    await settle();
    expect(sent).toEqual(["critical/0", "critical/0"]);
    await settle();
    expect(sent).toHaveLength(2);
  });

  it("names the last request that asked for the wake, and sends it in that request's context", async () => {
    const context = new AsyncLocalStorage<string>();
    const contexts: (string | undefined)[] = [];
    const { wakes, requestIds, settle } = harness(() => void contexts.push(context.getStore()));
    const ask = (requestId: string, queue: string) =>
      context.run(`trace of ${requestId}`, () => wakes.queue(queue, { requestId }));
    for (const id of ["a", "b", "c"]) ask(id, "mailbox/0");
    await settle();
    await vi.advanceTimersByTimeAsync(mailboxWakeMs.most);
    await settle();
    for (const id of ["d", "e", "f"]) ask(id, "critical/0");
    await settle();
    expect(requestIds).toEqual(["a", "c", "d", "f"]);
    expect(contexts).toEqual(["trace of a", "trace of c", "trace of d", "trace of f"]);
  });

  it("leaves a failed wake to the relay, and wakes again for the next change", async () => {
    const { wakes, sent, settle, warnings } = harness();
    wakes.queue("critical/0", wake);
    await settle("reject");
    expect(warnings).toHaveLength(1);
    wakes.queue("critical/0", wake);
    expect(sent).toHaveLength(2);
  });

  it("flushes waiting wakes, and those of changes committed meanwhile, before the process ends", async () => {
    const { wakes, sent, settle } = harness();
    wakes.queue("mailbox/0", wake);
    await settle();
    wakes.queue("mailbox/0", wake);
    wakes.queue("critical/0", wake);
    wakes.queue("critical/0", wake);
    let flushed = false;
    const done = wakes.flush().then(() => (flushed = true));
    expect(sent).toEqual(["mailbox/0", "critical/0", "mailbox/0"]);
    await settle();
    await settle();
    expect(flushed).toBe(false);
    await settle();
    await done;
    expect(sent).toEqual(["mailbox/0", "critical/0", "mailbox/0", "critical/0"]);
  });
});
