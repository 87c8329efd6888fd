import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  isRepeatable,
  retryDelayMs,
  settle,
  settleInterrupted,
  type RetryPolicy,
} from "./settle.ts";

const policies = fc.record({
  baseMs: fc.integer({ min: 10, max: 3_600_000 }),
  capMs: fc.integer({ min: 10, max: 86_400_000 }),
  attempts: fc.integer({ min: 1, max: 100 }),
});
const policy: RetryPolicy = { baseMs: 1_000, capMs: 60_000, attempts: 3 };
const at = (
  attemptCount: number,
  outcome: Outcome,
  guarantee: "at_least_once" | "at_most_once" = "at_least_once",
  unanswered = 0,
) => settleTogether([outcome], attemptCount, guarantee, unanswered);

type Outcome = Parameters<typeof settle>[0]["attempts"][number]["outcome"];

const settleTogether = (
  outcomes: readonly Outcome[],
  attemptCount: number,
  guarantee: Parameters<typeof settle>[0]["guarantee"],
  unanswered: number,
) =>
  settle({
    attempts: outcomes.map((outcome) => ({ outcome })),
    attemptCount,
    handOvers: attemptCount,
    guarantee,
    unanswered,
    policy,
    now: new Date("2026-01-01T00:00:00Z"),
    random: 0.5,
  });

describe("retryDelayMs", () => {
  it("is between half and the whole of the capped exponential delay, for any policy", () => {
    fc.assert(
      fc.property(
        policies,
        fc.integer({ min: 1, max: 10_000 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (generated, attempt, random) => {
          const whole = Math.min(
            generated.capMs,
            generated.baseMs * 2 ** Math.min(attempt - 1, 40),
          );
          const delay = retryDelayMs(generated, attempt, random);
          expect(delay).toBeGreaterThanOrEqual(Math.floor(whole / 2));
          expect(delay).toBeLessThanOrEqual(whole);
        },
      ),
    );
  });

  it("doubles until the cap", () => {
    expect([1, 2, 3, 7, 8, 100].map((attempt) => retryDelayMs(policy, attempt, 1))).toEqual([
      1_000, 2_000, 4_000, 60_000, 60_000, 60_000,
    ]);
  });
});

describe("settle", () => {
  it("ends a sent row", () => {
    expect(at(1, "sent")).toEqual({ status: "sent", reason: null });
  });

  it("fails a row at the first attempt if the provider refused it permanently", () => {
    expect(at(1, "permanent")).toEqual({ status: "failed", reason: "provider_rejected" });
  });

  it("holds a transient failure until its backoff ends", () => {
    expect(at(2, "transient")).toEqual({
      status: "pending",
      reason: "retry",
      dueAt: new Date("2026-01-01T00:00:01.500Z"),
    });
  });

  it("fails a row whose attempts are exhausted", () => {
    expect(at(3, "transient")).toEqual({ status: "failed", reason: "attempts_exhausted" });
    expect(at(3, "unknown")).toEqual({ status: "unknown", reason: "outcome_unknown" });
  });

  const unknown = { status: "unknown", reason: "outcome_unknown" };

  it("repeats a hand-over without an answer once under at-least-once, and never under at-most-once", () => {
    expect(at(1, "unknown")).toMatchObject({ status: "pending", reason: "retry" });
    expect(at(2, "unknown", "at_least_once", 1)).toEqual(unknown);
    expect(at(1, "unknown", "at_most_once")).toEqual(unknown);
    expect(isRepeatable("at_least_once", 0)).toBe(true);
    expect(isRepeatable("at_least_once", 1)).toBe(false);
    expect(isRepeatable("at_most_once", 0)).toBe(false);
  });

  it("retries after a refusal, even after an earlier hand-over without an answer", () => {
    expect(at(2, "transient", "at_least_once", 1)).toMatchObject({ status: "pending" });
  });

  it("waits longer after a hand-over without an answer than after a refusal, and longer each time", () => {
    const delayMs = (attemptCount: number, outcomes: readonly Outcome[]) => {
      const settlement = settle({
        attempts: outcomes.map((outcome) => ({ outcome })),
        attemptCount,
        handOvers: attemptCount,
        guarantee: "at_least_once",
        unanswered: 0,
        policy: { baseMs: 15_000, capMs: 3_600_000, attempts: 10 },
        now: new Date(0),
        random: 0,
      });
      return settlement.status === "pending" ? settlement.dueAt.getTime() : null;
    };
    expect(delayMs(1, ["transient"])).toBe(7_500);
    expect([1, 2, 3, 4].map((attemptCount) => delayMs(attemptCount, ["unknown"]))).toEqual([
      300_000, 600_000, 1_200_000, 1_800_000,
    ]);
    // Another provider refused it afterwards.
    expect(delayMs(2, ["unknown", "transient"])).toBe(600_000);
  });

  it("never fails a row after a hand-over without an answer, whatever another provider answers afterwards", () => {
    for (const last of ["transient", "permanent"] as const)
      expect(settleTogether(["unknown", last], 3, "at_least_once", 0)).toEqual(unknown);
    expect(settleTogether(["unknown", "sent"], 3, "at_least_once", 0)).toMatchObject({
      status: "sent",
    });
  });

  it("retries under at-most-once if the provider certainly did not accept the message", () => {
    expect(at(1, "transient", "at_most_once")).toMatchObject({ status: "pending" });
  });
});

describe("settleInterrupted", () => {
  it("ends at-most-once rows as unknown, and retries at-least-once rows within the limit of attempts", () => {
    expect(settleInterrupted(1, "at_most_once", 3)).toMatchObject({ status: "unknown" });
    expect(settleInterrupted(3, "at_most_once", 3)).toMatchObject({ status: "unknown" });
    expect(settleInterrupted(2, "at_least_once", 3)).toBeNull();
    expect(settleInterrupted(3, "at_least_once", 3)).toMatchObject({ status: "unknown" });
  });
});
