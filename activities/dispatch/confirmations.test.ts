import { expect, it, vi } from "vitest";
import { Confirmations } from "./confirmations.ts";
import type { ClaimedMessage } from "./settlement.ts";

const claim = (id: string) =>
  ({ rows: [{ id, token: "t" }], mayBeginUntilMs: 0, isRevoked: false }) as ClaimedMessage;

it("every part of a message that waits for a confirmation is called when it comes", async () => {
  const stopped = claim("stopped");
  const going = claim("going");
  const confirmed: string[][] = [];
  const confirmations = new Confirmations(
    {
      confirm(rows) {
        confirmed.push(rows.map(({ id }) => id));
        return Promise.resolve(new Set(["going"]));
      },
    },
    () => false,
  );
  // A message to several devices asks for each of them.
  const retries = [going, going, going, stopped].map((message) => {
    const retry = vi.fn<() => void>();
    confirmations.add(message, retry);
    return retry;
  });
  await vi.waitFor(() => {
    for (const retry of retries) expect(retry).toHaveBeenCalledOnce();
  });
  expect([going.isRevoked, stopped.isRevoked]).toEqual([false, true]);
  expect(confirmed.flat().filter((id) => id === "going").length).toBeLessThanOrEqual(2);
});
