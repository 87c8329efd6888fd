import type { LedgerClock } from "../../ledger/clock.ts";
import { describe, expect, it } from "vitest";
import { newUuid } from "../../domain/ids.ts";
import type { Attempt } from "../../domain/delivery/attempt.ts";
import { type ClaimedMessage, releaseMessage, settleMessage } from "./settlement.ts";

const now = new Date("2027-03-01T09:00:00Z");
const clock: LedgerClock = {
  now: () => now,
  fromLocal: (instant) => instant,
  localAheadMs: 0,
  refresh: () => Promise.resolve(),
};
const terms = {
  retry: { baseMs: 60_000, capMs: 3_600_000, attempts: 3 },
  clock,
  isOffered: () => true,
  random: () => 0,
};

/** A claimed group of two. */
function claimed(): ClaimedMessage {
  const items = [1, 2].map((attemptCount) => ({
    delivery: {
      id: newUuid(),
      attemptCount,
      forgivenCount: 0,
      unansweredCount: 0,
      reason: "retry",
      dueAt: now,
      channel: "email",
      recipient: { email: "Ada@B\u00fccher.example", phone: null },
    },
    source: { guarantee: "at_least_once" },
    stage: null,
  }));
  return { items, token: newUuid(), now: () => now } as unknown as ClaimedMessage;
}

const attempt: Attempt = {
  provider: "smtp-1",
  outcome: "sent",
  failure: null,
  response: "250 ok",
  startedAt: now,
  finishedAt: now,
};

describe("a message that was handed over", () => {
  it("has one outcome for all its rows, except those that could not be rendered", () => {
    const message = claimed();
    const [, second] = message.items;
    const faults = new Map([[second!.delivery.id, new Error("no link")]]);
    const { settled, unused } = settleMessage(
      message,
      { kind: "attempted", attempts: [attempt] },
      terms,
      faults,
    );
    expect(unused).toBe(false);
    expect(settled).toMatchObject([
      { attemptCount: 2, attempts: [attempt], settlement: { status: "sent" } },
      {
        attemptCount: 2,
        attempts: [],
        settlement: { status: "failed", reason: "template_error" },
      },
    ]);
  });
});

describe("an answer of a provider", () => {
  it("is kept without the address that the message went to, however it is spelt", () => {
    const response =
      "550 <ada@xn--bcher-kva.example>: ADA@B\u00dcCHER.example is nobody, ask bob@example.org";
    const { settled } = settleMessage(
      claimed(),
      {
        kind: "attempted",
        attempts: [{ ...attempt, outcome: "permanent", failure: "unknown_address", response }],
      },
      terms,
    );
    expect(settled[0]!.attempts).toMatchObject([
      { response: "550 <…>: … is nobody, ask bob@example.org" },
    ]);
  });
});

describe("a message that was claimed and not handed over", () => {
  it("leaves its rows as they were read", () => {
    const { settled, unused } = releaseMessage(claimed());
    expect(unused).toBe(true);
    expect(settled).toMatchObject([
      {
        attemptCount: 1,
        attempts: [],
        settlement: { status: "pending", reason: "retry", dueAt: now },
      },
      {
        attemptCount: 2,
        attempts: [],
        settlement: { status: "pending", reason: "retry", dueAt: now },
      },
    ]);
  });
});
