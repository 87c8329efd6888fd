import { expect, it } from "vitest";
import { createTally } from "./tally.ts";

/** Adds messages from a buffer like a received packet. */
function tallyOf(messages: readonly { messageId: string; deliveryId: string; to: string }[]) {
  const tally = createTally();
  for (const { messageId, deliveryId, to } of messages) {
    const bytes = Buffer.from(messageId + deliveryId);
    const ids = {
      messageId: { start: 0, end: messageId.length },
      deliveryId: { start: messageId.length, end: bytes.length },
    };
    tally.add(bytes, ids, { recipient: Buffer.from(to), begunAt: 1, at: 2 });
  }
  return tally;
}

it("keeps every message with its recipient, in order, over several pages", () => {
  const messages = Array.from({ length: 30_000 }, (_, n) => ({
    messageId: `<dlv_${n}@example.org>`,
    deliveryId: `dlv_${n}`,
    to: `änn-${n}@example.org`,
  }));
  const tally = tallyOf(messages);
  const read = [];
  let number = 0;
  for (let page = tally.page(number); page; page = tally.page(++number)) read.push(...page);
  expect(number).toBeGreaterThan(1);
  expect(read).toEqual(
    messages.map(({ deliveryId, to }) => ({ deliveryId, address: to, begunAt: 1, at: 2 })),
  );
  expect(tally.count()).toEqual({ deliveries: 30_000, duplicated: 0 });
});

it("counts copies, and keeps each of them", () => {
  const message = { messageId: "<a@example.org>", deliveryId: "dlv_1", to: "ann@example.org" };
  const tally = tallyOf([message, message, { ...message, to: "bob@example.org" }]);
  expect(tally.count()).toEqual({ deliveries: 1, duplicated: 2 });
  expect(tally.page(0)!.map(({ address }) => address)).toEqual([
    "ann@example.org",
    "ann@example.org",
    "bob@example.org",
  ]);
  tally.reset();
  expect(tally.page(0)).toBeNull();
});
